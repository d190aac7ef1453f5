"""Plot the scores of the baselines and the learning curves of active learning."""

from _job import job, named

with job(snakemake):
    from vacuagym.publish.score_figures import plot_scores

    plot_scores(**named(snakemake.input), families=snakemake.params.families, out=named(snakemake.output))
