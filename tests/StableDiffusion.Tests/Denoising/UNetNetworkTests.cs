namespace StableDiffusion.Tests;

public class UNetNetworkTests
{
    [Theory]
    [InlineData("sd1")]
    [InlineData("sd1-fp16")]
    public void Inputs_that_are_bound_once_give_the_same_to_the_last_bit(string model)
    {
        var folder = ModelFolder.Open(Goldens.PathOf("models", model));

        Assert.Equal(Predict(folder, binds: false), Predict(folder, binds: true));
    }

    /// <summary>What the network says in two steps of each of two pictures, whose texts, latents and times all differ.</summary>
    private static List<float> Predict(ModelFolder folder, bool binds)
    {
        var loader = new NetworkLoader(folder, new OnnxRuntimeHost(ExecutionDevice.Cpu, threads: 1) { BindsInputs = binds });
        using var network = new UNetNetwork(folder, loader);
        using var model = loader.Open("unet");
        var width = model.Inputs[Conditioning.Text].Dimensions[^1];
        var random = new TorchRandom(1);
        var said = new List<float>();
        for (var picture = 0; picture < 2; picture++)
        {
            Conditioning[] rows = [Text(random, width), Text(random, width)];
            using var batch = network.Prepare(rows, 8, 8);
            for (var step = 0; step < 2; step++)
            {
                random.Draw(batch.Input(0));
                random.Draw(batch.Input(1));
                batch.Run(new DenoisingCall(step, 2, 900 - (300 * step)), CancellationToken.None);
                said.AddRange([.. batch.Output(0), .. batch.Output(1)]);
            }
        }

        return said;
    }

    private static Conditioning Text(TorchRandom random, int width)
    {
        var values = new float[77 * width];
        random.Draw(values);
        return Conditioning.None.With(Conditioning.Text, values, 77, width);
    }
}
