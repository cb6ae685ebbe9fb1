"""Sensors: wait for images to arrive and for releases to be made."""
