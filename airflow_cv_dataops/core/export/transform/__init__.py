"""A picture and its labels on their way out: upright, resized, cropped, the labels with it. Knows neither formats nor targets."""
