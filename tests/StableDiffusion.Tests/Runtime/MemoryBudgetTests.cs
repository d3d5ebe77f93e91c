namespace StableDiffusion.Tests;

/// <summary>When only one network at a time is open.</summary>
public sealed class MemoryBudgetTests
{
    private static readonly ImageRequest _request = new() { Prompt = "a cat", Seeds = [1, 2], Steps = 1, Width = 64, Height = 64 };

    [Theory]
    [InlineData(null, 700, false)]
    [InlineData(null, 701, true)]
    [InlineData(true, 1, true)]
    [InlineData(false, 100_000, false)]
    public void Networks_that_take_more_than_seven_tenths_of_the_memory_are_open_one_at_a_time(bool? asked, long weights, bool expected) =>
        Assert.Equal(expected, MemoryBudget.OneNetworkAtATime(asked, weights, available: 1000));

    // Three networks for each of two pictures, or for both.
    [Theory]
    [InlineData(1L << 40, 6)]
    [InlineData(0, 3)]
    public void A_model_larger_than_the_memory_opens_its_networks_anew_for_each_picture(long more, int expected)
    {
        using var copy = new TemporaryFolder();
        copy.Fill(Goldens.PathOf("models", "sd1-external"));

        // A file with a hole: it has a size that no memory holds, and takes no room.
        using (var weights = File.OpenWrite(copy.PathOf("unet/model.onnx_data")))
        {
            weights.SetLength(weights.Length + more);
        }

        var opened = 0;
        using var pipeline = TextToImagePipeline.Load(
            copy.Path, new PipelineOptions { Device = ExecutionDevice.Cpu, Threads = 1, SessionOptions = _ => opened++ });
        Assert.Equal(2, pipeline.Generate(_request).Count());

        Assert.Equal(expected, opened);
    }
}
