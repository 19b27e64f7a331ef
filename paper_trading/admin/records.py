"""Records: what the pipeline wrote. Nobody adds, changes or deletes one by hand."""

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.contrib.admin.utils import flatten
from django.db import models
from django.db.models import QuerySet
from django.http import HttpRequest

from paper_trading.admin.columns import columns

if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin[Any]
    TabularInline = admin.TabularInline[Any, Any]
    ModelForm = forms.ModelForm[Any]
else:
    ModelAdmin = admin.ModelAdmin
    TabularInline = admin.TabularInline
    ModelForm = forms.ModelForm


class ReadableAdmin(ModelAdmin):
    """Lists with readable figures, newest first, without a count of the whole table."""

    ordering = ("-pk",)
    list_per_page = 50
    show_full_result_count = False

    def get_list_display(self, request: HttpRequest) -> Any:
        """Return the listed columns, figures written for people."""
        return columns(self.model, super().get_list_display(request))


class RecordAdmin(ReadableAdmin):
    """A read-only record with every column on its page."""

    #: Columns that are computed, or fields shown another way, in place of all fields.
    record_fields: Any = None

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Refuse."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse."""
        return False

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Return every field, figures written for people."""
        names = self.record_fields or field_names(self.model)
        return columns(self.model, names)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Return every field."""
        return flatten(self.get_fields(request, obj))


class RecordInline(TabularInline):
    """Read-only rows on the page of the record they belong to."""

    extra = 0
    max_num = 0
    can_delete = False
    show_change_link = True
    select_related: tuple[str, ...] = ()

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse."""
        return False

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Return the shown fields, figures written for people."""
        return columns(self.model, self.fields or ())

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Return the shown fields."""
        return self.get_readonly_fields(request, obj)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return the rows with what their columns name."""
        found = super().get_queryset(request)
        return found.select_related(*self.select_related) if self.select_related else found


def field_names(model: type[models.Model]) -> list[str]:
    """Return the names of a model's own fields, without the key."""
    return [field.name for field in model._meta.concrete_fields if not field.primary_key]
