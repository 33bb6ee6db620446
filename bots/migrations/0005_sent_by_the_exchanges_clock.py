from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("bots", "0004_parity_checks")]

    operations = [
        migrations.AlterField(
            model_name="order",
            name="sent_at",
            field=models.DateTimeField(
                blank=True, help_text="By the exchange's clock: when it went on record to be sent.", null=True
            ),
        ),
    ]
