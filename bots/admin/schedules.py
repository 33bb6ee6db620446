"""Celery beat's schedule in the admin. Rows that belong to a bot are read-only."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django_celery_beat.admin import PeriodicTaskAdmin
from django_celery_beat.models import (
    ClockedSchedule,
    CrontabSchedule,
    IntervalSchedule,
    PeriodicTask,
    SolarSchedule,
)

from bots.control import schedules
from bots.pages import badges

MINUTE, HOUR, DAY, WEEK = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1), timedelta(weeks=1)

for unused in (ClockedSchedule, CrontabSchedule, IntervalSchedule, SolarSchedule):
    if admin.site.is_registered(unused):
        admin.site.unregister(unused)
if admin.site.is_registered(PeriodicTask):
    admin.site.unregister(PeriodicTask)


def is_owned(task: Any) -> bool:
    """Return True if the task belongs to a bot."""
    return task is not None and task.task == schedules.TASK


def every(period: timedelta) -> str:
    """Return a period in its largest whole unit; intervals are stored in seconds."""
    for unit, length in (("week", WEEK), ("day", DAY), ("hour", HOUR), ("minute", MINUTE)):
        number, rest = divmod(period, length)
        if number and not rest:
            return f"{number} {unit}{'' if number == 1 else 's'}"
    return f"{period.total_seconds():g} seconds"


@admin.register(PeriodicTask)
class ScheduleAdmin(PeriodicTaskAdmin):
    list_display = ("name", "owner_column", "enabled", "every_column", "last_run_column", "runs_column", "description")
    list_filter = ("enabled",)
    actions = None
    change_form_template = None

    @admin.display(description="Owner")
    def owner_column(self, task: Any) -> SafeString:
        return badges.badge("info", "Managed by its bot") if is_owned(task) else badges.badge("", "Site")

    @admin.display(description="Every", ordering="interval__every")
    def every_column(self, task: Any) -> str:
        """Return the interval, or the time of day."""
        if task.interval:
            return every(task.schedule.run_every)
        return str(task.crontab.human_readable) if task.crontab else str(task.schedule)

    @admin.display(description="Last run", ordering="last_run_at")
    def last_run_column(self, task: Any) -> Any:
        return task.last_run_at

    @admin.display(description="Runs", ordering="total_run_count")
    def runs_column(self, task: Any) -> int:
        return int(task.total_run_count)

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return super().get_queryset(request).select_related("interval", "crontab")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return not is_owned(obj) and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return not is_owned(obj) and super().has_delete_permission(request, obj)
