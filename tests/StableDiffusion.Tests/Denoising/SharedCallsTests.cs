namespace StableDiffusion.Tests;

/// <summary>How many requests share calls of the network where nobody says it, and that each comes out as alone.</summary>
public sealed class SharedCallsTests(Pipelines pipelines) : IClassFixture<Pipelines>
{
    private static readonly ImageRequest _request = new() { Prompt = "a red apple", Steps = 3, GuidanceScale = 5, Width = 64, Height = 64 };

    /// <summary>As many latents as a guided picture of 512 pixels has, 2 rows of 64 × 64, eight pictures at most.</summary>
    [Theory]
    [InlineData("sd1", 512, 5, 1)]
    [InlineData("sd1", 768, 5, 1)]
    [InlineData("sd1", 512, 1, 2)]
    [InlineData("sd1", 256, 5, 4)]
    [InlineData("sd1", 256, 1, 8)]
    [InlineData("sd1", 64, 5, 8)]
    [InlineData("sd1-static", 64, 5, 1)]
    public void As_many_are_painted_together_as_have_the_latents_of_one_picture_of_512_pixels(string model, int size, double scale, int expected) =>
        Assert.Equal(expected, pipelines.Of(model).FastestTogether(_request with { Width = size, Height = size, GuidanceScale = scale }));

    [Fact]
    public void The_embedded_model_paints_four_together_and_a_second_pass_counts_by_its_own_size()
    {
        var pipeline = pipelines.In(Path.Combine(Repository.Root, "models", "emoji-256"));
        var request = new ImageRequest { Prompt = "a red apple" };

        Assert.Equal((4, 1), (pipeline.FastestTogether(request), pipeline.FastestTogether(request with { Hires = new Hires(2) })));
    }

    [Fact]
    public void Guidance_at_every_other_step_alone_makes_calls_of_one_row() =>
        Assert.Equal(8, pipelines.Of("sd1").FastestTogether(_request with { Width = 256, Height = 256, GuidanceEvery = 2 }));

    [Fact]
    public void One_at_a_time_where_the_model_is_large_for_the_memory()
    {
        using var pipeline = TextToImagePipeline.Load(Goldens.PathOf("models", "sd1"), new PipelineOptions { Device = ExecutionDevice.Cpu, OneNetworkAtATime = true });

        Assert.Equal(1, pipeline.FastestTogether(_request));
    }

    /// <summary>Whether they share calls or not, which the processor decides: the longer texts are a call of their own.</summary>
    [Theory]
    [InlineData("sd1")]
    [InlineData("sdxl")]
    [InlineData("lcm")]
    public void Pictures_that_must_be_exact_are_those_of_each_request_alone(string model)
    {
        var pipeline = pipelines.Of(model);
        List<ImageRequest> requests =
        [
            .. from seed in (long[])[1, 2, 3]
               from words in (int[])[1, 90]
               orderby words
               select _request with { Prompt = string.Join(' ', Enumerable.Repeat("apple", words)), Seeds = [seed], GuidanceEnd = 0.5 },
        ];

        var together = pipeline.GenerateTogether(requests, exact: true).ToList();

        Assert.Equal(requests.SelectMany(request => pipeline.Generate(request)).Select(picture => picture.Latents.Values), together.Select(picture => picture.Latents.Values));
        Assert.All(together, picture => Assert.Contains(picture.RequestsTogether, (int[])[1, 3]));
    }

    [Fact]
    public void A_network_whose_rows_depend_on_each_other_is_found_out_and_asked_once_for_each_size()
    {
        var plan = GenerationPlan.Of(_request, pipelines.Of("sd1").Folder);
        var told = new GuidedConditioning(FakeNetwork.Told(0.5f), FakeNetwork.Told(0.25f));
        PaintingGroup Group(int count) => new([.. Enumerable.Repeat(new Painting(plan, 1), count)], [.. Enumerable.Repeat(told, count)]);
        var (apart, mixed, calls) = (new FakeNetwork { Channels = 4 }, new FakeNetwork { Channels = 4, MixesRows = true }, new SharedCalls());

        Assert.True(calls.AreExact(apart, Group(3), TestContext.Current.CancellationToken));
        Assert.False(calls.AreExact(mixed, Group(3), TestContext.Current.CancellationToken));
        Assert.Equal([6, 2, 2, 2], apart.Calls.Select(asked => asked.Rows));

        Assert.True(calls.AreExact(apart, Group(3), TestContext.Current.CancellationToken));
        Assert.Equal(4, apart.Calls.Count);
        Assert.True(calls.AreExact(apart, Group(2), TestContext.Current.CancellationToken));
        Assert.Equal(7, apart.Calls.Count);
    }
}
