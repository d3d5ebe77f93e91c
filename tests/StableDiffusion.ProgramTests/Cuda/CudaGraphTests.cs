namespace StableDiffusion.Tests;

/// <summary>What is copied, captured as a CUDA graph and replayed, without a GPU: see <see cref="CudaLibraries"/>.</summary>
public sealed class CudaGraphTests(CudaLibraries libraries) : IClassFixture<CudaLibraries>, IDisposable
{
    private const string Capture = "capture";
    private const string Launch = "launch";
    private const string ToDevice = "copy to device";
    private const string ToHost = "copy to host";

    private static readonly string[] _captures = ["--cuda-option", "enable_cuda_graph=1"];

    private readonly TemporaryFolder _folder = new();

    /// <summary>The provider captures no network of which a node is left to the CPU, so that these are on the device as a whole. Of two pictures, three steps each; PNDM has a call more.</summary>
    [Theory]
    [InlineData("sd1", "apple", 8)]
    [InlineData("sd1-external", "apple", 8)]
    [InlineData("sd1-fp16", "apple", 8)]
    [InlineData("sd1-legacy", "apple", 8)]
    [InlineData("sd1-static", "apple", 8)]
    [InlineData("sd2", "apple", 6)]
    [InlineData("sdxl", "apple", 6)]
    [InlineData("lcm", "apple", 6)]
    [InlineData("sd3", "apple", 6)]
    [InlineData("dit", "3", 6)]
    [InlineData("ldm-bert", "apple", 6)]
    [InlineData("emoji-256", "a red apple", 6)]
    public void The_network_that_denoises_is_captured_once_and_replayed_in_every_call_for_every_picture(string model, string prompt, int calls)
    {
        var (outcome, log) = Paint(model, [prompt, .. _captures, "--steps", "3", "--seed", "1..2"]);

        AssertPainted(outcome);
        Assert.Equal((1, calls), (log.Count(call => call == Capture), log.Count(call => call == Launch)));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_step_copies_latents_and_time_to_the_device_and_what_is_said_of_them_back_and_nothing_else(bool captures)
    {
        int[] Copies(string steps)
        {
            var (_, log) = Paint("sd2", ["apple", "--steps", steps, "--seed", "1", .. captures ? _captures : []]);
            return [log.Count(call => call == ToDevice), log.Count(call => call == ToHost)];
        }

        var (few, more) = (Copies("3"), Copies("5"));

        Assert.Equal([4, 2], more.Zip(few, (after, before) => after - before));
    }

    [Fact]
    public void Another_size_is_another_graph()
    {
        File.WriteAllLines(_folder.PathOf("prompts.jsonl"), [.. new[] { 64, 128, 64 }.Select(width => $$"""{"prompt": "apple", "width": {{width}}}""")]);

        var (outcome, log) = Paint("sd2", ["batch", "prompts.jsonl", .. _captures, "--steps", "2"]);

        AssertPainted(outcome);
        Assert.Equal((2, 6), (log.Count(call => call == Capture), log.Count(call => call == Launch)));
    }

    /// <summary>Whose attention is read where no graph would give it: that network is opened anew.</summary>
    [Fact]
    public void What_shows_the_inside_of_the_network_runs_it_without_a_graph()
    {
        var (outcome, log) = Paint("sd2", ["explain", "apple", .. _captures, "--steps", "2", "--seed", "1", "-o", "explain.html"]);

        AssertPainted(outcome);
        Assert.Contains(Launch, log);
        Assert.Contains("<section", File.ReadAllText(_folder.PathOf("explain.html")), StringComparison.Ordinal);
    }

    [Fact]
    public void A_network_that_cannot_be_captured_is_refused_with_the_option_to_leave_out()
    {
        var (outcome, _) = Paint("flux-dev", ["apple", .. _captures]);

        Assert.EndsWith("model.onnx cannot be a CUDA graph: the CPU computes a part of it. Leave enable_cuda_graph out of --cuda-option.", Assert.Single(outcome.ErrorLines), StringComparison.Ordinal);
        Assert.Equal(1, outcome.ExitCode);
    }

    [Fact]
    public void Deep_cache_and_CUDA_graphs_exclude_each_other()
    {
        var (outcome, _) = Paint("sd1", ["apple", .. _captures, "--deep-cache", "2"]);

        Assert.Equal(
            ["error: --deep-cache takes values out of the network, which a CUDA graph does not give; leave it out, or enable_cuda_graph out of --cuda-option."], outcome.ErrorLines);
        Assert.Equal(2, outcome.ExitCode);
    }

    public void Dispose() => _folder.Dispose();

    /// <summary>The provider itself may say that it cannot judge convolutions which compute nothing.</summary>
    private static void AssertPainted(SdProgram.Outcome outcome)
    {
        Assert.DoesNotContain(outcome.ErrorLines, line => line.StartsWith("error", StringComparison.Ordinal) || line.StartsWith("warning", StringComparison.Ordinal));
        Assert.Equal(0, outcome.ExitCode);
    }

    private (SdProgram.Outcome Outcome, string[] Calls) Paint(string model, IEnumerable<string> arguments)
    {
        var calls = _folder.PathOf("calls");
        File.WriteAllText(calls, "");
        var outcome = SdProgram.Run(
            [.. arguments, "--model", FamilyGoldens.ModelNamed(model), "--device", "cuda"], _folder.Path, input: "", libraries.Environment(("CUDA_CALLS", calls)));
        return (outcome, File.ReadAllLines(calls));
    }
}
