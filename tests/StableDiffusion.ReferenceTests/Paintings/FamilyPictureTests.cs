namespace StableDiffusion.Tests;

/// <summary>SD 3, Flux, DiT and latent diffusion as diffusers 0.39 on PyTorch (CPU, float32) paints them: goldens/families.</summary>
public sealed class FamilyPictureTests(Pipelines pipelines) : IClassFixture<Pipelines>
{
    private const int PixelTolerance = 2;

    public static TheoryData<string> Names => [.. GoldenCase.Families.Select(one => one.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public void The_latents_and_pictures_are_those_of_diffusers(string name)
    {
        var golden = GoldenCase.Families.Single(one => one.Name == name);
        var pictures = pipelines.In(FamilyGoldens.PathOf("models", golden.Model)).Generate(golden.ToRequest()).ToList();

        var expected = golden.Latents;
        var difference = Differences.Largest(golden.LatentsOf(pictures), expected);
        Assert.Equal(golden.Images, pictures.Count);
        var levels = pictures.Zip(golden.Pictures, (picture, path) => Differences.Largest(picture.Image, PngReader.Read(path).Image)).Max();
        ParityTable.Record(pictures[0].Parameters.Sampler!, golden.Model, difference, levels);

        // goldens/README.md: ONNX Runtime under diffusers' schedulers came within 3e-4 where values reach 500.
        Assert.True(difference <= 1e-3 + (2e-6 * expected.Max(MathF.Abs)), $"the latents differ by {difference:E1}");
        Assert.InRange(levels, 0, PixelTolerance);
    }

    /// <summary>T5 is most of the memory of these models: opened for all texts of the call, and closed before anything else is opened.</summary>
    [Theory]
    [InlineData("sd3", "+text_encoder_3 -text_encoder_3 +text_encoder +text_encoder_2 -text_encoder -text_encoder_2")]
    [InlineData("sd3-no-t5", "+text_encoder +text_encoder_2 -text_encoder -text_encoder_2")]
    [InlineData("flux-dev", "+text_encoder_2 -text_encoder_2 +text_encoder -text_encoder")]
    public void Where_memory_is_spared_T5_is_closed_before_anything_else_is_opened(string model, string encoders)
    {
        var events = new List<string>();
        var path = FamilyGoldens.PathOf("models", model);
        var request = new ImageRequest { Prompt = "a red fox", Steps = 1, GuidanceScale = 2, NegativePrompt = "a dog", Width = 64, Height = 64, Seeds = [5] };
        ImageRequest[] requests = [request, request with { Prompt = "a heron", Seeds = [6] }];
        using var sparing = TextToImagePipeline.Load(path, new PipelineOptions
        {
            Device = ExecutionDevice.Cpu,
            OneNetworkAtATime = true,
            NetworkWatch = (network, isOpen) => events.Add((isOpen ? "+" : "-") + Path.GetFileName(Path.GetDirectoryName(network))),
        });

        var pictures = sparing.GenerateTogether(requests).ToList();

        Assert.Equal($"{encoders} +transformer -transformer +vae_decoder -vae_decoder", string.Join(' ', events));
        Assert.Equal(pipelines.In(path).GenerateTogether(requests).Select(picture => picture.Latents.Values), pictures.Select(picture => picture.Latents.Values));
    }

    /// <summary>A request that was stopped while the CLIPs were open leaves them to the next, which closes them before it opens T5.</summary>
    [Fact]
    public void Where_memory_is_spared_a_request_after_one_that_failed_opens_one_network_at_a_time()
    {
        var open = new List<string>();
        var most = 0;
        var cancellations = new Queue<CancellationTokenSource>([new(), new()]);
        using var pipeline = TextToImagePipeline.Load(FamilyGoldens.PathOf("models", "flux-dev"), new PipelineOptions
        {
            Device = ExecutionDevice.Cpu,
            OneNetworkAtATime = true,
            NetworkWatch = (network, isOpen) =>
            {
                var part = Path.GetFileName(Path.GetDirectoryName(network))!;
                if (isOpen)
                {
                    open.Add(part);
                    most = Math.Max(most, open.Count);
                }
                else
                {
                    Assert.True(open.Remove(part));
                }

                if (isOpen && part == "text_encoder")
                {
                    cancellations.Peek().Cancel();
                }
            },
        });
        var request = new ImageRequest { Prompt = "a red fox", Steps = 1, Width = 64, Height = 64 };

        while (cancellations.Count > 0)
        {
            Assert.ThrowsAny<OperationCanceledException>(() => pipeline.Generate(request, cancellation: cancellations.Peek().Token).ToList());
            cancellations.Dequeue().Dispose();
        }

        Assert.Equal(["text_encoder"], open);
        Assert.Equal(1, most);
    }
}
