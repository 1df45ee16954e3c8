"""Feedback, beside inference."""

from django.urls import path

from gateway.feedback.views import PATH, FeedbackView

urlpatterns = [path(PATH[1:], FeedbackView.as_view(), name="feedback")]
