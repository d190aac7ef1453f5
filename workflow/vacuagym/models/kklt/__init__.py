from vacuagym.models.parameters import Parameter
PARAMETERS = {
    "max_moduli": Parameter(8, 1, 10, "largest number of classes of a threefold to which the model is applied"),
    "log10_flux": Parameter((-100.0, -5.0), -140.0, -1.0, "range of log10 |W0|"),
    "string_coupling": Parameter((0.1, 1.0), 0.001, 10.0, "range of g_s, log-uniform"),
    "log10_amplitude": Parameter((-1.0, 1.0), -10.0, 10.0, "range of log10 |A_p|"),
    "log10_uplift": Parameter((-3.5, 0.5), -20.0, 20.0, "range of log10 of D / (3 |W0|^2)"),
    "no_uplift_fraction": Parameter(0.15, 0.0, 1.0, "probability that D = 0"),
    "uplift_power": Parameter(4.0 / 3.0, 0.7, 2.9, "p of the uplift D / volume^p; 4/3 for a warped anti-D3 brane"),
}
