"""Celery beat's schedule in the admin: the rows that bots own are shown as theirs and are not edited by hand."""

from __future__ import annotations

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

from bots import badges, schedules

for unused in (ClockedSchedule, CrontabSchedule, IntervalSchedule, SolarSchedule):
    if admin.site.is_registered(unused):
        admin.site.unregister(unused)
if admin.site.is_registered(PeriodicTask):
    admin.site.unregister(PeriodicTask)


def is_owned(task: Any) -> bool:
    """True for the one task that a bot keeps for itself."""
    return task is not None and task.task == schedules.TASK


@admin.register(PeriodicTask)
class ScheduleAdmin(PeriodicTaskAdmin):
    list_display = ("name", "owner_column", "enabled", "interval", "last_run_at", "total_run_count", "description")
    list_filter = ("enabled",)
    actions = None
    change_form_template = None

    @admin.display(description="Owner")
    def owner_column(self, task: Any) -> SafeString:
        return badges.badge("info", "Kept by its bot") if is_owned(task) else badges.badge("", "Site")

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return super().get_queryset(request).select_related("interval", "crontab")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return not is_owned(obj) and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return not is_owned(obj) and super().has_delete_permission(request, obj)
