"""Groups that another server serves: APIServices that name a Service."""
