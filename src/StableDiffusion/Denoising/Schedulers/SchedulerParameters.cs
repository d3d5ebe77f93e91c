using System.Collections.Frozen;

namespace StableDiffusion;

/// <summary>The parameters of each diffusers 0.39 scheduler class with that class's own defaults.</summary>
internal static class SchedulerParameters
{
    /// <summary>The least number to divide by that a float32 holds without losing bits.</summary>
    private const double AboveZero = 1.2e-38;

    /// <summary>More training steps than any model has: a wrong number is not to fill the memory.</summary>
    private const int MostTrainedSteps = 1_000_000;

    private static readonly SchedulerParameter[] _sigmaChoices =
        [Flag("use_karras_sigmas"), Flag("use_exponential_sigmas"), Flag("use_beta_sigmas")];

    private static readonly SchedulerParameter[] _flowChoices =
    [
        Flag("use_flow_sigmas"), Real("flow_shift", 1) with { Least = AboveZero }, Flag("use_dynamic_shifting"),
        Choice("time_shift_type", "exponential"),
    ];

    private static readonly SchedulerParameter[] _thresholding =
    [
        Flag("thresholding"), Real("dynamic_thresholding_ratio", 0.995) with { Least = 0, Most = 1 },
        Real("sample_max_value", 1) with { Least = AboveZero },
    ];

    private static readonly SchedulerParameter _clipRange = Real("clip_sample_range", 1) with { Least = AboveZero };

    private static readonly SchedulerParameter[] _clipping = [.. _thresholding, _clipRange];

    private static readonly SchedulerParameter _prediction =
        Choice("prediction_type", "epsilon", "sample", "v_prediction", "original_sample", "flow_prediction");

    private static readonly SchedulerParameter _offset =
        Whole("steps_offset", 0) with { Least = -MostTrainedSteps, Most = MostTrainedSteps };

    // "linspace" stands first where it is the class's default, "leading" otherwise.
    private static readonly SchedulerParameter[] _linspace =
        [Choice("timestep_spacing", "linspace", "leading", "trailing"), _offset];

    private static readonly SchedulerParameter[] _leading =
        [Choice("timestep_spacing", "leading", "linspace", "trailing"), _offset];

    private static readonly SchedulerParameter _finalSigmas = Choice("final_sigmas_type", "zero", "sigma_min");

    private static readonly SchedulerParameter _zeroSnr = Flag("rescale_betas_zero_snr");

    private static readonly SchedulerParameter _trained = Whole("num_train_timesteps", 1000) with { Least = 1, Most = MostTrainedSteps };

    private static readonly SchedulerParameter _lowestLambda =
        Real("lambda_min_clipped", double.NegativeInfinity) with { Least = double.NegativeInfinity };

    private static readonly SchedulerParameter _terminal = RealOrNull("shift_terminal") with { Least = 0, Most = 0.999999 };

    // The DPM-Solver family takes each other's names for these and reads them as its own.
    private static readonly string[] _algorithms = ["dpmsolver++", "dpmsolver", "sde-dpmsolver", "sde-dpmsolver++", "deis"];

    private static readonly string[] _solvers = ["midpoint", "heun", "logrho", "bh1", "bh2"];

    private static readonly SchedulerParameter _variance =
        new("variance_type", ParameterKind.Choice, null,
            "fixed_small", "fixed_small_log", "fixed_large", "fixed_large_log", "learned", "learned_range");

    // LCM and TCD have spacing and offset in their signatures but place their steps by original_inference_steps alone.
    private static readonly SchedulerParameter[] _consistency =
    [
        .. Betas(0.00085, 0.012, "scaled_linear"), Whole("original_inference_steps", 50), Flag("set_alpha_to_one", true), _prediction, _zeroSnr,
    ];

    /// <summary>Parameters by class name and key.</summary>
    public static FrozenDictionary<string, FrozenDictionary<string, SchedulerParameter>> ByClass { get; } =
        new Dictionary<string, SchedulerParameter[]>
        {
            ["PNDMScheduler"] = [.. Betas(), Flag("skip_prk_steps"), Flag("set_alpha_to_one"), _prediction, .. _leading],
            ["DDIMScheduler"] =
            [
                .. Betas(), Flag("clip_sample", true), Flag("set_alpha_to_one", true), _prediction, .. _clipping, .. _leading, _zeroSnr,
            ],
            ["DDPMScheduler"] =
            [
                // DPM-Solvers write null, of which DDPM makes the same as of fixed_small.
                .. Betas(more: ["sigmoid", "laplace"]), _variance with { Default = "fixed_small", NullIsDefault = true }, Flag("clip_sample", true),
                _prediction, .. _clipping, .. _leading, _zeroSnr,
            ],
            ["EulerDiscreteScheduler"] =
            [
                .. Betas(), _prediction, Choice("interpolation_type", "linear", "log_linear"), .. _sigmaChoices, RealOrNull("sigma_min"),
                RealOrNull("sigma_max"), .. _linspace, Choice("timestep_type", "discrete", "continuous"), _zeroSnr, _finalSigmas,
            ],
            ["EulerAncestralDiscreteScheduler"] = [.. Betas(), _prediction, .. _linspace, _zeroSnr],
            ["LMSDiscreteScheduler"] = [.. Betas(), .. _sigmaChoices, _prediction, .. _linspace],
            ["HeunDiscreteScheduler"] =
            [
                .. Betas(0.00085, 0.012, more: "exp"), _prediction, .. _sigmaChoices, Flag("clip_sample"), _clipRange, .. _linspace,
            ],
            ["KDPM2DiscreteScheduler"] = [.. Betas(0.00085, 0.012), .. _sigmaChoices, _prediction, .. _linspace],
            ["KDPM2AncestralDiscreteScheduler"] = [.. Betas(0.00085, 0.012), .. _sigmaChoices, _prediction, .. _linspace],
            ["DPMSolverMultistepScheduler"] =
            [
                .. Betas(), Whole("solver_order", 2), _prediction, .. _thresholding, Choice("algorithm_type", _algorithms),
                Choice("solver_type", _solvers), Flag("lower_order_final", true), Flag("euler_at_final"), .. _sigmaChoices,
                Flag("use_lu_lambdas"), .. _flowChoices, _finalSigmas, _lowestLambda, _variance,
                .. _linspace, _zeroSnr,
            ],
            ["DPMSolverSinglestepScheduler"] =
            [
                .. Betas(), Whole("solver_order", 2), _prediction, .. _thresholding, Choice("algorithm_type", _algorithms),
                Choice("solver_type", _solvers), Flag("lower_order_final"), .. _sigmaChoices, .. _flowChoices, _finalSigmas,
                _lowestLambda, _variance,
            ],
            ["UniPCMultistepScheduler"] =
            [
                .. Betas(), Whole("solver_order", 2), _prediction, .. _thresholding, Flag("predict_x0", true),
                Choice("solver_type", ["bh2", .. _solvers[..^1]]), Flag("lower_order_final", true),
                new("disable_corrector", ParameterKind.Wholes, Array.Empty<int>()),
                new("solver_p", ParameterKind.Choice, null), RealOrNull("sigma_min"), RealOrNull("sigma_max"),
                _terminal, .. _sigmaChoices, .. _flowChoices, .. _linspace, _finalSigmas, _zeroSnr,
            ],
            ["DEISMultistepScheduler"] =
            [
                .. Betas(), Whole("solver_order", 2), _prediction, .. _thresholding, Choice("algorithm_type", ["deis", .. _algorithms[..^1]]),
                Choice("solver_type", ["logrho", "midpoint", "heun", "bh1", "bh2"]), Flag("lower_order_final", true), .. _sigmaChoices,
                .. _flowChoices, .. _linspace,
            ],
            ["LCMScheduler"] = [.. _consistency, Flag("clip_sample"), .. _clipping, Real("timestep_scaling", 10) with { Least = AboveZero }],
            ["TCDScheduler"] = _consistency,
            ["IPNDMScheduler"] = [_trained, new("trained_betas", ParameterKind.Reals, null)],
            ["FlowMatchEulerDiscreteScheduler"] =
            [
                _trained, Real("shift", 1) with { Least = AboveZero }, Flag("use_dynamic_shifting"), RealOrNull("base_shift", 0.5),
                RealOrNull("max_shift", 1.15), Whole("base_image_seq_len", 256), Whole("max_image_seq_len", 4096), Flag("invert_sigmas"),
                _terminal, .. _sigmaChoices, Choice("time_shift_type", "exponential", "linear"), Flag("stochastic_sampling"),
            ],
        }.ToFrozenDictionary(row => row.Key, row => row.Value.ToFrozenDictionary(parameter => parameter.Name));

    private static SchedulerParameter[] Betas(double start = 0.0001, double end = 0.02, string schedule = "linear", params string[] more) =>
    [
        _trained, Real("beta_start", start), Real("beta_end", end),
        new("beta_schedule", ParameterKind.Choice, schedule, ["linear", "scaled_linear", "squaredcos_cap_v2", .. more]),
        new("trained_betas", ParameterKind.Reals, null),
    ];

    private static SchedulerParameter Choice(string name, params string[] choices) => new(name, ParameterKind.Choice, choices[0], choices);

    private static SchedulerParameter Flag(string name, bool value = false) => new(name, ParameterKind.Flag, value);

    private static SchedulerParameter Real(string name, double value) => new(name, ParameterKind.Real, value);

    private static SchedulerParameter RealOrNull(string name, double? value = null) => new(name, ParameterKind.Real, value);

    private static SchedulerParameter Whole(string name, int value) => new(name, ParameterKind.Whole, value);
}
