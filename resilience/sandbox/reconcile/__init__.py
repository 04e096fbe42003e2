"""The foundation of controllers: the work queue, their context, indexes."""
