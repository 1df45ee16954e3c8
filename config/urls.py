"""Every route of the product. Inference routes stand in gateway.urls as well."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("admin/", admin.site.urls),
    path("", include("gateway.urls")),
]
