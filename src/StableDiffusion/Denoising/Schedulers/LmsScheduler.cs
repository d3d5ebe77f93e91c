namespace StableDiffusion;

/// <summary>
/// Linear multistep of order 4 over the noise level: Adams-Bashforth with uneven steps in the coordinates of
/// Karras et al. (2022), arXiv 2206.00364, as <c>LMSDiscreteScheduler</c>.
/// </summary>
internal sealed class LmsScheduler : SigmaScheduler
{
    private const int Order = 4;

    private readonly PredictionType _prediction;
    private readonly List<float[]> _derivatives = [];

    public LmsScheduler(SchedulerConfig config, SchedulerRun run)
        : base(config, run, SigmaGrid.Of(config, run.Steps, new NoiseSchedule(config, keepTerminalSnr: true)))
    {
        _prediction = Prediction.Of(config, PredictionType.Epsilon, PredictionType.V, PredictionType.Sample);
    }

    public override void Step(int call, ReadOnlySpan<float> output, Span<float> latents, INoiseSource noise)
    {
        var derivative = new float[latents.Length];
        Slope(_prediction, Sigma(call), latents, output, derivative);
        _derivatives.Add(derivative);
        if (_derivatives.Count > Order)
        {
            _derivatives.RemoveAt(0);
        }

        // A run that begins in the middle uses weights of full order from the start, as diffusers does.
        var order = Math.Min(Begin + call + 1, Order);
        for (var i = 0; i < _derivatives.Count; i++)
        {
            Blend.Add(latents, Weight(call, order, i), _derivatives[^(i + 1)]);
        }
    }

    // The integral from σ to the next of the i-th Lagrange polynomial, of degree 3 at most: two points of Gauss are exact.
    private double Weight(int call, int order, int i)
    {
        (double from, double to) = (Sigma(call), Sigma(call + 1));
        var (middle, half) = ((from + to) / 2, (to - from) / 2);
        return half * (Lagrange(middle - (half / Math.Sqrt(3))) + Lagrange(middle + (half / Math.Sqrt(3))));

        double Lagrange(double tau)
        {
            var product = 1.0;
            for (var k = 0; k < order; k++)
            {
                product *= k == i ? 1 : (tau - Sigma(call - k)) / (Sigma(call - i) - Sigma(call - k));
            }

            return product;
        }
    }
}
