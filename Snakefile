"""Gives the same graph as workflow/Snakefile, which is the workflow."""


include: "workflow/Snakefile"


workflow.default_target = "all"
