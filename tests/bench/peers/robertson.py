"""Robertson's stiff kinetics, which asks for an implicit method."""


def run(context):
    context.missing["robertson"] = "nodec has no implicit methods yet; explicit ones take millions of steps to 4e4"
    return []
