"""Take the paper exchange's models out of this app's state. Their tables stay; paper/migrations/0001 takes them on."""

from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('exchange', '0001_initial'),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(state_operations=[
            migrations.RemoveField(
                model_name='paperorderlist',
                name='account',
            ),
            migrations.RemoveField(
                model_name='paperfill',
                name='account',
            ),
            migrations.RemoveField(
                model_name='paperorder',
                name='account',
            ),
            migrations.RemoveField(
                model_name='paperfill',
                name='order',
            ),
            migrations.RemoveField(
                model_name='paperorder',
                name='order_list',
            ),
            migrations.DeleteModel(
                name='PaperBalance',
            ),
            migrations.DeleteModel(
                name='PaperAccount',
            ),
            migrations.DeleteModel(
                name='PaperFill',
            ),
            migrations.DeleteModel(
                name='PaperOrder',
            ),
            migrations.DeleteModel(
                name='PaperOrderList',
            ),
        ]),
    ]
