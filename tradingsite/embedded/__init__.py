"""PostgreSQL, Valkey and the supervisor behind `manage.py up`; none of it is used when servers of one's own are set."""
