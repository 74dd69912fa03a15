"""A plug-in of lmms-eval: `LMMS_EVAL_PLUGINS=plugin` registers its models and tasks."""
