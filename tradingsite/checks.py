"""System checks of the site as a whole; those on one model live with it."""
