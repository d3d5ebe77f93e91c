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

        var (opened, openedBefore) = (0, (int?)null);
        using var pipeline = TextToImagePipeline.Load(
            copy.Path,
            new PipelineOptions
            {
                Device = ExecutionDevice.Cpu,
                Threads = 1,
                SessionOptions = _ => Interlocked.Increment(ref opened),
                Warning = said => openedBefore = said.Contains("needs about", StringComparison.Ordinal) ? opened : openedBefore,
            });
        Assert.Equal(2, pipeline.Generate(_request).Count());

        Assert.Equal(expected, opened);
        Assert.Equal(more > 0 ? 0 : null, openedBefore);
    }

    /// <summary>sd1 as if it had the weights of Stable Diffusion 1.5, 4.1 GB: its own layers are narrow and pass on little.</summary>
    [Theory]
    [InlineData(false, false, 512, 1, 5.1, null)]
    [InlineData(false, false, 512, 1, 4.2, "--low-memory takes about")]
    [InlineData(true, false, 512, 1, 4, null)]
    [InlineData(true, false, 512, 1, 3, "The unet alone has 3.4 GB of weights: a smaller model is what fits.")]
    [InlineData(true, true, 512, 1, 4, "Fused attention, the default of --attention, takes less.")]
    [InlineData(true, false, 2048, 16, 8, "A smaller -W and -H or fewer --num-images take less.")]
    public void What_does_not_fit_is_said_with_numbers_and_what_to_do(bool oneAtATime, bool isPlain, int size, int images, double gigabytes, string? advice)
    {
        var weights = new Dictionary<string, long> { ["text_encoder"] = 500_000_000, ["unet"] = 3_400_000_000, ["vae_decoder"] = 200_000_000 };
        var folder = ModelFolder.Open(Goldens.PathOf("models", "sd1"));
        var need = new MemoryNeed(folder, weights, oneAtATime, isPlain ? AttentionKind.Plain : AttentionKind.Fused);

        var said = need.Warning(GenerationPlan.Of(_request with { Width = size, Height = size, ImagesPerSeed = images }, folder), gigabytes * 1e9);

        var text = said is null ? null : ParameterText.Render(said, StableDiffusion.Cli.OptionNames.Option);
        Assert.Equal(advice is null, text is null);
        Assert.Contains(advice ?? "", text ?? "", StringComparison.Ordinal);
    }

    /// <summary>The weights of Stable Diffusion 3 medium in float16 and of Flux dev in float16, widened: T5 is closed before CLIP is opened.</summary>
    [Theory]
    [InlineData("sd3", "text_encoder_3", 11, null)]
    [InlineData("sd3", "text_encoder_3", 9, "The text encoder alone has 9.5 GB of weights")]
    [InlineData("flux-dev", "text_encoder_2", 11, null)]
    [InlineData("flux-dev", "text_encoder_2", 9, "The text encoder alone has 9.5 GB of weights")]
    public void Text_encoders_that_are_open_in_turns_need_the_memory_of_the_largest(string model, string t5, double gigabytes, string? advice)
    {
        var weights = new Dictionary<string, long> { ["text_encoder"] = 2_000_000_000, ["transformer"] = 4_200_000_000, ["vae_decoder"] = 200_000_000, [t5] = 9_500_000_000 };
        var folder = ModelFolder.Open(FamilyGoldens.PathOf("models", model));
        var plan = GenerationPlan.Of(_request, folder);

        var said = new MemoryNeed(folder, weights, oneAtATime: true, AttentionKind.Fused).Warning(plan, gigabytes * 1e9);

        Assert.Equal(advice is null, said is null);
        Assert.Contains(advice ?? "", said?.ToString(System.Globalization.CultureInfo.InvariantCulture) ?? "", StringComparison.Ordinal);
        Assert.NotNull(new MemoryNeed(folder, weights, oneAtATime: false, AttentionKind.Fused).Warning(plan, gigabytes * 1e9));
    }

    /// <summary>A seamless picture is decoded as a whole: advice to decode in tiles would be refused when it is followed.</summary>
    [Theory]
    [InlineData(false, true)]
    [InlineData(true, false)]
    public void Tiles_are_advised_only_where_they_may_be_asked_for(bool isSeamless, bool expected)
    {
        var folder = ModelFolder.Open(Goldens.PathOf("models", "sd1"));
        var need = new MemoryNeed(folder, new Dictionary<string, long>(), oneAtATime: true, AttentionKind.Fused);

        var said = need.Warning(GenerationPlan.Of(_request with { Width = 1024, Height = 1024, Seamless = isSeamless }, folder), available: 0);

        var text = ParameterText.Render(said!, StableDiffusion.Cli.OptionNames.Option);
        Assert.Equal(expected, text.Contains("--vae-tiling takes less", StringComparison.Ordinal));
    }

    [Fact]
    public void The_memory_that_is_free_is_a_part_of_the_whole() => Assert.InRange(MachineMemory.Available, 1, MachineMemory.Total);

    [Fact]
    public void Float16_counts_as_the_float32_that_a_processor_makes_of_it()
    {
        var folder = ModelFolder.Open(Goldens.PathOf("models", "sd1-fp16"));
        var (stored, held) = (folder.WeightBytes(widened: false, WeightPrecision.Exported)["unet"], folder.WeightBytes(widened: true, WeightPrecision.Exported)["unet"]);

        Assert.InRange((double)held / stored, 1.5, 2);
    }
}
