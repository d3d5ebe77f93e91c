using Microsoft.ML.OnnxRuntime.Tensors;

namespace StableDiffusion.Tests;

/// <summary>Networks whose inputs are bound, and those whose runs are captured, as on CUDA; here on the CPU, with its memory as the device's.</summary>
public class BoundRunTests
{
    [Theory]
    [InlineData("sd1")]
    [InlineData("sd1-fp16")]
    [InlineData("sd1-legacy")]
    [InlineData("sd1-static")]
    [InlineData("sdxl")]
    [InlineData("lcm")]
    [InlineData("sd3")]
    [InlineData("flux-dev")]
    [InlineData("dit")]
    public void A_network_says_the_same_to_the_last_bit_bound_or_captured(string model)
    {
        var folder = ModelFolder.Open(FamilyGoldens.ModelNamed(model));
        var plain = Predict(folder, binds: false, captures: false);

        Assert.NotEmpty(plain);
        Assert.DoesNotContain(plain, float.IsNaN);
        Assert.Equal(plain, Predict(folder, binds: true, captures: false));
        Assert.Equal(plain, Predict(folder, binds: true, captures: true));
    }

    /// <summary>
    /// What the network says in two steps of each of four pictures, whose texts, latents and times all differ: two of one size, one of another, and one of the first
    /// size again. Four rows: more than the export of two rows takes in one call.
    /// </summary>
    private static List<float> Predict(ModelFolder folder, bool binds, bool captures)
    {
        var host = new OnnxRuntimeHost(ExecutionDevice.Cpu, threads: 1) { BindsInputs = binds, CapturesRuns = captures };
        var loader = new NetworkLoader(folder, host);
        using var network = folder.Family.OpenNetwork(folder, loader);
        using var model = loader.Open(folder.Family.NetworkPart);
        var random = new TorchRandom(1);
        var said = new List<float>();
        foreach (var height in folder.Network.Height is null ? new[] { 8, 8, 16, 8 } : [8, 8, 8, 8])
        {
            Conditioning[] rows = [.. Enumerable.Range(0, 4).Select(_ => Told(random, model))];
            using var batch = network.Prepare(rows, height, 8);
            for (var step = 0; step < 2; step++)
            {
                for (var row = 0; row < rows.Length; row++)
                {
                    random.Draw(batch.Input(row));
                }

                batch.Run(new DenoisingCall(step, 2, 900 - (300 * step)), CancellationToken.None);
                for (var row = 0; row < rows.Length; row++)
                {
                    said.AddRange(batch.Output(row));
                }
            }
        }

        return said;
    }

    /// <summary>Numbers for all that a row is told: seven words, and for integers, which are classes, 0 to 4.</summary>
    private static Conditioning Told(TorchRandom random, OnnxModel model)
    {
        var told = Conditioning.None;
        foreach (var (name, metadata) in model.Inputs.Where(input => input.Key is not ("sample" or "hidden_states" or "timestep" or "img_ids" or "txt_ids")))
        {
            int[] shape = [.. metadata.Dimensions.Skip(1).Select(size => size > 0 ? size : 7)];
            var values = new float[shape.Aggregate(1, (all, size) => all * size)];
            random.Draw(values);
            told = told.With(name, metadata.ElementDataType == TensorElementType.Int64 ? [.. values.Select(value => Math.Min(MathF.Round(MathF.Abs(value)), 4))] : values, shape);
        }

        return told;
    }
}
