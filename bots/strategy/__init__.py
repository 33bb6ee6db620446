"""Trading decisions as pure functions: no Django, no network, no clock, no import from outside this folder."""
