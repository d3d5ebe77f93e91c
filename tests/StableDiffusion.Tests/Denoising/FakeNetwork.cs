namespace StableDiffusion.Tests;

/// <summary>A denoising network whose answer is a rule: what a row is told as "scale", times its input. Notes what it was asked.</summary>
internal sealed class FakeNetwork : IDenoisingNetwork
{
    public string Name => "fake";

    /// <summary>Channels of the latents.</summary>
    public int Channels { get; init; } = 1;

    /// <summary>Whether each row is multiplied, too, with the largest value of all rows, as by a network that rounds by the range of a call.</summary>
    public bool MixesRows { get; init; }

    /// <summary>The calls, with the number of rows of each.</summary>
    public List<(DenoisingCall Call, int Rows)> Calls { get; } = [];

    /// <summary>How many batches are prepared and not yet disposed.</summary>
    public int Open { get; private set; }

    /// <summary>What a row is told: the factor, in a tensor of <paramref name="length"/> values.</summary>
    public static Conditioning Told(float scale, int length = 1) =>
        Conditioning.None.With("scale", [.. Enumerable.Repeat(scale, length)], length);

    public IDenoisingBatch Prepare(IReadOnlyList<Conditioning> rows, int height, int width)
    {
        Open++;
        return new Batch(this, [.. rows.Select(row => row.Inputs["scale"].Values[0])], Channels * height * width);
    }

    public void Dispose()
    {
    }

    private sealed class Batch(FakeNetwork network, float[] scales, int length) : IDenoisingBatch
    {
        private readonly float[][] _inputs = [.. scales.Select(_ => new float[length])];
        private readonly float[][] _outputs = [.. scales.Select(_ => new float[length])];

        public Span<float> Input(int row) => _inputs[row];

        public ReadOnlySpan<float> Output(int row) => _outputs[row];

        public void Run(DenoisingCall call, CancellationToken cancellation)
        {
            network.Calls.Add((call, scales.Length));
            var common = network.MixesRows ? _inputs.Max(row => row.Max()) : 1;
            for (var row = 0; row < scales.Length; row++)
            {
                _outputs[row] = [.. _inputs[row].Select(value => value * scales[row] * common)];
            }
        }

        public void Dispose() => network.Open--;
    }
}
