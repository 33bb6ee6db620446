"""Take on the paper exchange's models, which were a part of the app `exchange`.

No table changes: exchange/migrations/0001 made them, and they keep their names. What Django knows the models by moves
along: their content types, and with these every permission, every group's and user's rights, and the admin's log.
"""

import django.db.models.deletion
import exchange.secrets
from django.db import migrations, models

MODELS = ('paperaccount', 'paperbalance', 'paperorder', 'paperorderlist', 'paperfill')


def move_content_types(before, after):
    def move(apps, schema_editor):
        types = apps.get_model('contenttypes', 'ContentType').objects.using(schema_editor.connection.alias)
        types.filter(app_label=before, model__in=MODELS).update(app_label=after)

        from django.contrib.contenttypes.models import ContentType

        ContentType.objects.clear_cache()  # this process goes on to make the permissions of new models

    return move


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('contenttypes', '0002_remove_content_type_name'),
        ('exchange', '0002_paper_becomes_an_app'),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(state_operations=[
            migrations.CreateModel(
                name='PaperAccount',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('name', models.CharField(max_length=60, unique=True)),
                    ('api_key', models.CharField(editable=False, max_length=64, unique=True)),
                    ('api_secret', exchange.secrets.EncryptedTextField()),
                    ('market', models.CharField(help_text='replay:FILE_OR_DATASET,… or simulated:SEED or mirror: where its prices come from.', max_length=400)),
                    ('maker_fee_rate', models.DecimalField(decimal_places=8, default='0.001', max_digits=10)),
                    ('taker_fee_rate', models.DecimalField(decimal_places=8, default='0.001', max_digits=10)),
                    ('slippage_bps', models.DecimalField(decimal_places=4, default=0, help_text='Basis points.', max_digits=8)),
                    ('volume_share', models.DecimalField(blank=True, decimal_places=4, help_text="Share of a bar's volume that one order may take, 0 to 1. Empty: orders fill in full.", max_digits=5, null=True)),
                    ('pays_fees_in_bnb', models.BooleanField(default=False)),
                    ('is_demo', models.BooleanField(default=False, editable=False)),
                    ('settled_to_ms', models.BigIntegerField(default=0, editable=False)),
                    ('created_at', models.DateTimeField(auto_now_add=True)),
                ],
                options={
                    'db_table': 'exchange_paperaccount',
                },
            ),
            migrations.CreateModel(
                name='PaperOrderList',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('symbol', models.CharField(max_length=20)),
                    ('list_client_order_id', models.CharField(max_length=36)),
                    ('is_done', models.BooleanField(default=False)),
                    ('time_ms', models.BigIntegerField()),
                    ('account', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='order_lists', to='paper.paperaccount')),
                ],
                options={
                    'db_table': 'exchange_paperorderlist',
                },
            ),
            migrations.CreateModel(
                name='PaperOrder',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('symbol', models.CharField(max_length=20)),
                    ('client_order_id', models.CharField(max_length=36)),
                    ('side', models.CharField(max_length=4)),
                    ('type', models.CharField(max_length=20)),
                    ('time_in_force', models.CharField(default='GTC', max_length=3)),
                    ('status', models.CharField(max_length=20)),
                    ('quantity', models.DecimalField(decimal_places=8, max_digits=30)),
                    ('quote_order_quantity', models.DecimalField(decimal_places=8, default=0, max_digits=30)),
                    ('price', models.DecimalField(decimal_places=8, default=0, max_digits=30)),
                    ('stop_price', models.DecimalField(decimal_places=8, default=0, max_digits=30)),
                    ('iceberg_quantity', models.DecimalField(decimal_places=8, default=0, max_digits=30)),
                    ('executed_quantity', models.DecimalField(decimal_places=8, default=0, max_digits=30)),
                    ('executed_quote', models.DecimalField(decimal_places=8, default=0, max_digits=30)),
                    ('locked_amount', models.DecimalField(decimal_places=8, default=0, max_digits=30)),
                    ('is_working', models.BooleanField(default=True)),
                    ('strategy_id', models.BigIntegerField(null=True)),
                    ('strategy_type', models.BigIntegerField(null=True)),
                    ('self_trade_prevention_mode', models.CharField(default='NONE', max_length=15)),
                    ('expiry_reason', models.CharField(blank=True, max_length=50)),
                    ('time_ms', models.BigIntegerField()),
                    ('update_time_ms', models.BigIntegerField()),
                    ('working_time_ms', models.BigIntegerField(default=-1)),
                    ('account', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='orders', to='paper.paperaccount')),
                    ('order_list', models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='orders', to='paper.paperorderlist')),
                ],
                options={
                    'db_table': 'exchange_paperorder',
                },
            ),
            migrations.CreateModel(
                name='PaperBalance',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('asset', models.CharField(max_length=12)),
                    ('free', models.DecimalField(decimal_places=8, default=0, max_digits=30)),
                    ('locked', models.DecimalField(decimal_places=8, default=0, max_digits=30)),
                    ('account', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='balances', to='paper.paperaccount')),
                ],
                options={
                    'db_table': 'exchange_paperbalance',
                    'constraints': [models.UniqueConstraint(fields=('account', 'asset'), name='one_paper_balance_per_asset'), models.CheckConstraint(condition=models.Q(('free__gte', 0), ('locked__gte', 0)), name='paper_balance_not_negative')],
                },
            ),
            migrations.CreateModel(
                name='PaperFill',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('symbol', models.CharField(max_length=20)),
                    ('price', models.DecimalField(decimal_places=8, max_digits=30)),
                    ('quantity', models.DecimalField(decimal_places=8, max_digits=30)),
                    ('quote_quantity', models.DecimalField(decimal_places=8, max_digits=30)),
                    ('commission', models.DecimalField(decimal_places=8, max_digits=30)),
                    ('commission_asset', models.CharField(max_length=12)),
                    ('is_buyer', models.BooleanField()),
                    ('is_maker', models.BooleanField()),
                    ('time_ms', models.BigIntegerField()),
                    ('account', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='fills', to='paper.paperaccount')),
                    ('order', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='fills', to='paper.paperorder')),
                ],
                options={
                    'db_table': 'exchange_paperfill',
                    'indexes': [models.Index(fields=['account', 'symbol', 'time_ms'], name='exchange_pa_account_a541cd_idx')],
                },
            ),
            migrations.AddIndex(
                model_name='paperorderlist',
                index=models.Index(fields=['account', 'list_client_order_id'], name='exchange_pa_account_def2de_idx'),
            ),
            migrations.AddIndex(
                model_name='paperorder',
                index=models.Index(fields=['account', 'symbol', 'status'], name='exchange_pa_account_d58686_idx'),
            ),
            migrations.AddIndex(
                model_name='paperorder',
                index=models.Index(fields=['account', 'client_order_id'], name='exchange_pa_account_cef1db_idx'),
            ),
        ]),
        migrations.RunPython(move_content_types('exchange', 'paper'), move_content_types('paper', 'exchange')),
    ]
