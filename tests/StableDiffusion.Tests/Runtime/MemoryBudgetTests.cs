namespace StableDiffusion.Tests;

/// <summary>When only one network at a time is open.</summary>
public sealed class MemoryBudgetTests
{
    private static readonly ImageRequest _request = new() { Prompt = "a cat", Seeds = [1, 2], Steps = 1, Width = 64, Height = 64 };

    [Theory]
    [InlineData(null, false, 700, "AllInTurn")]
    [InlineData(null, false, 701, "OneAtATime")]
    [InlineData(true, false, 1, "OneAtATime")]
    [InlineData(false, false, 100_000, "AllInTurn")]
    [InlineData(null, true, 21, "OneAtATime")]
    [InlineData(false, true, 21, "AllInTurn")]
    [InlineData(null, true, 20, "AllAhead")]
    [InlineData(null, false, 20, "AllAhead")]
    public void Networks_that_take_more_than_seven_tenths_of_the_memory_are_open_one_at_a_time_and_less_than_a_fiftieth_all_at_once(
        bool? asked, bool opensOnce, long weights, string expected) =>
        Assert.Equal(expected, MemoryBudget.Decide(asked, opensOnce, weights, available: 1000).ToString());

    [Theory]
    [InlineData("unet")]
    [InlineData("vae_decoder")]
    public void A_broken_network_that_is_opened_ahead_is_told_as_one_that_is_opened_in_turn(string part)
    {
        using var copy = new TemporaryFolder();
        copy.Fill(Goldens.PathOf("models", "sd1-external"));
        using var pipeline = TextToImagePipeline.Load(copy.Path, new PipelineOptions { Device = ExecutionDevice.Cpu, Threads = 1 });
        var file = copy.PathOf($"{part}/model.onnx");
        File.WriteAllBytes(file, File.ReadAllBytes(file)[..100]);

        Assert.Contains(file, Assert.Throws<ModelException>(() => pipeline.Generate(_request).Count()).Message, StringComparison.Ordinal);
    }

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
            copy.Path, new PipelineOptions { Device = ExecutionDevice.Cpu, Threads = 1, SessionOptions = _ => Interlocked.Increment(ref opened) });
        Assert.Equal(2, pipeline.Generate(_request).Count());

        Assert.Equal(expected, opened);
    }
}
