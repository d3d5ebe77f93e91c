namespace StableDiffusion;

/// <summary>
/// The unified predictor-corrector: Algorithms 1 and 2 (UniC, UniP) of Zhao et al. (2023), arXiv 2302.04867, with B₁(h) = h or
/// B₂(h) = eʰ − 1, as <c>UniPCMultistepScheduler</c>.
/// </summary>
internal sealed class UniPcScheduler : SolverScheduler
{
    private readonly bool _predictsClean;
    private readonly bool _linear;
    private readonly bool _lowersOrder;
    private readonly int _solverOrder;
    private readonly int[] _uncorrected;
    private readonly List<float[]> _outputs = [];
    private float[] _last = [];
    private int _lastOrder;

    public UniPcScheduler(SchedulerConfig config, SchedulerRun run)
        : base(config, run, SolverGrid.Of(config, run, repeatsLast: true, roundsCosine: true))
    {
        RefuseUnknown(config, highestOrder: 6);
        _predictsClean = config.Flag("predict_x0");
        _linear = config.Text("solver_type") == "bh1";
        _lowersOrder = config.Flag("lower_order_final");
        _solverOrder = config.Whole("solver_order");
        _uncorrected = config.Wholes("disable_corrector");
        RefuseNoiseFormAtZero(config, _predictsClean && (_lowersOrder || _solverOrder == 1));
    }

    public override void Step(int call, ReadOnlySpan<float> output, Span<float> latents, INoiseSource noise)
    {
        var m = _predictsClean ? Clean(call, output, latents) : Noise(call, output, latents);
        if (call > 0 && !_uncorrected.Contains(Begin + call - 1))
        {
            Correct(call, m, latents);
        }

        _outputs.Add(m);
        if (_outputs.Count > _solverOrder)
        {
            _outputs.RemoveAt(0);
        }

        _lastOrder = Math.Min(_outputs.Count, _lowersOrder ? Timesteps.Count - call : _solverOrder);
        _last = latents.ToArray();
        Predict(call, latents);
    }

    // UniP: from this call's level to the next.
    private void Predict(int call, Span<float> latents)
    {
        var h = new Phi(_predictsClean, _linear, LevelAt(call), LevelAt(call + 1));
        var m0 = _outputs[^1];
        Blend.Scale(latents, h.A);
        Blend.Add(latents, h.B, m0);
        if (_lastOrder == 1)
        {
            return;
        }

        var r = Ratios(call, h.H);
        double[] rhos = _lastOrder == 2 ? [0.5] : h.Solve(r);
        AddDifferences(latents, h.Scale, rhos, r);
    }

    // UniC: the step to this call's level again, now that its output is known.
    private void Correct(int call, float[] m, Span<float> latents)
    {
        var h = new Phi(_predictsClean, _linear, LevelAt(call - 1), LevelAt(call));
        var m0 = _outputs[^1];
        double[] r = [.. Ratios(call - 1, h.H), 1];
        double[] rhos = _lastOrder == 1 ? [0.5] : h.Solve(r);
        _last.CopyTo(latents);
        Blend.Scale(latents, h.A);
        Blend.Add(latents, h.B, m0);
        AddDifferences(latents, h.Scale, rhos[..^1], r);
        Blend.Add(latents, h.Scale * rhos[^1], m);
        Blend.Add(latents, -h.Scale * rhos[^1], m0);
    }

    private double[] Ratios(int call, double h)
    {
        var lambda = LevelAt(call).Lambda;
        return [.. Enumerable.Range(1, _lastOrder - 1).Select(i => (LevelAt(call - i).Lambda - lambda) / h)];
    }

    private void AddDifferences(Span<float> latents, double scale, double[] rhos, double[] r)
    {
        for (var i = 0; i < rhos.Length; i++)
        {
            Blend.Add(latents, scale * rhos[i] / r[i], _outputs[^(i + 2)]);
            Blend.Add(latents, -scale * rhos[i] / r[i], _outputs[^1]);
        }
    }

    /// <summary>The integrators of one step of length h in λ: x = A·x + B·m₀ + Scale·Σ ρ·D.</summary>
    private readonly struct Phi
    {
        private readonly double _hh;
        private readonly double _bh;

        public Phi(bool predictsClean, bool linear, Level from, Level to)
        {
            H = to.Lambda - from.Lambda;
            _hh = predictsClean ? -H : H;
            _bh = linear ? _hh : double.ExpM1(_hh);
            var outer = predictsClean ? to.Alpha : to.Sigma;
            A = predictsClean ? to.Sigma / from.Sigma : to.Alpha / from.Alpha;
            B = -outer * double.ExpM1(_hh);
            Scale = -outer * _bh;
        }

        public double H { get; }

        public double A { get; }

        public double B { get; }

        public double Scale { get; }

        /// <summary>The ρ for which Σ ρ·rⁱ⁻¹ = i!·φᵢ₊₁(h)·hⁱ/B(h), equation 8.</summary>
        public double[] Solve(double[] r)
        {
            var n = r.Length;
            var rows = new double[n][];
            var phi = (double.ExpM1(_hh) / _hh) - 1;
            var factorial = 1.0;
            for (var i = 0; i < n; i++)
            {
                rows[i] = [.. r.Select(ratio => Math.Pow(ratio, i)), phi * factorial / _bh];
                factorial *= i + 2;
                phi = (phi / _hh) - (1 / factorial);
            }

            for (var i = 0; i < n; i++)
            {
                var pivot = Enumerable.Range(i, n - i).MaxBy(row => Math.Abs(rows[row][i]));
                (rows[i], rows[pivot]) = (rows[pivot], rows[i]);
                for (var row = 0; row < n; row++)
                {
                    var factor = row == i ? 0 : rows[row][i] / rows[i][i];
                    for (var column = i; column <= n; column++)
                    {
                        rows[row][column] -= factor * rows[i][column];
                    }
                }
            }

            return [.. rows.Select((row, i) => row[n] / row[i])];
        }
    }
}
