"""The number of closed trades as a column, so that lists can ask for it; filled in for results on record."""

from django.db import migrations, models

FILL = """
    UPDATE backtests_{table} SET closed_trades = (result #>> '{{{path}metrics,closed_trades}}')::integer
    WHERE result #>> '{{{path}metrics,closed_trades}}' IS NOT NULL
"""


def column(model: str) -> migrations.AddField:
    return migrations.AddField(
        model_name=model, name="closed_trades", field=models.PositiveIntegerField(null=True)
    )


class Migration(migrations.Migration):
    dependencies = [("backtests", "0001_initial")]
    operations = [
        *map(column, ("backtest", "optimisation", "walkforward", "montecarlo")),
        migrations.RunSQL(FILL.format(table="backtest", path=""), migrations.RunSQL.noop),
        migrations.RunSQL(FILL.format(table="optimisation", path="run,"), migrations.RunSQL.noop),
    ]
