"""What a potential is: a module, or any object with these attributes. The search knows nothing else about it.

=====================  ================================================================================================
REGIMES, COUPLINGS     names of the regimes a row may be drawn in; `Column` entries of the published couplings
VALUE_AT_INFINITY      V of the vacuum at infinity; math.inf if there is none, so that V that `escapes` is unbounded
n_fields               (features, values) -> int32 (rows,): number n of variables; 0 where the features are bad
n_couplings, n_state,  (n) -> int: lengths of the arrays of couplings c, of a state (its first n entries are the fields
n_work, n_uniforms     x, the rest belongs to the potential), of the workspace of `derivatives`, of the uniforms of `draw`
coupling_columns       (n, couplings (rows, n_couplings)) -> dict of the columns COUPLINGS
=====================  ================================================================================================

and, as formulas that compile (``register_jitable``; see `vacuagym.numerics.elementary` for the functions they may call),

=====================  ================================================================================================
draw                   (n, parameters, uniforms, c) -> number of the regime; fills c from uniform draws; ``parameters`` are
                       the values in one array, see `vacuagym.models.parameters.pack`
start                  (n, parameters, c, number, uniforms, x): fills a start x (n,) from n uniform draws; number 0 is the
                       reference start
derivatives            (n, c, state, gradient, hessian, work) -> V; fills the gradient (n,) and the lower triangle of
                       the Hessian (n, n); V is NaN outside the potential's domain
third_derivative       (n, c, state, radius) -> bound of |D^3 V| on the ball of that radius around x
rounding               (n, c, state, work) -> bounds of the rounding errors of the gradient and the Hessian
reset, extend          set and move the rest of a state, if n_state > n
escapes                (n, c, state, gradient, work) -> whether V is proved to fall from x all the way to infinity: to
                       VALUE_AT_INFINITY, or without bound if that is math.inf
=====================  ================================================================================================
"""
