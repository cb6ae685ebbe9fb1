"""What a release leaves out because findings condemn it: rules in, images and labels out, with the rule that took each."""
