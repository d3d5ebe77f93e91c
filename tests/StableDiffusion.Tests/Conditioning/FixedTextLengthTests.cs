using Microsoft.ML.OnnxRuntime;

namespace StableDiffusion.Tests;

/// <summary>SD 3 and Flux as exports leave them that fix the length of a text, which is what exporting without dynamic axes does.</summary>
public sealed class FixedTextLengthTests : IDisposable
{
    private const int Length = 48;

    private static readonly ImageRequest _castle = new() { Prompt = "a red castle", NegativePrompt = "dog", GuidanceScale = 4, Steps = 2, Width = 64, Height = 64, Seeds = [5] };

    private static readonly PipelineOptions _cpu = new() { Device = ExecutionDevice.Cpu };

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("sd3", "text_encoder_3", true, true)]
    [InlineData("sd3", "text_encoder_3", true, false)]
    [InlineData("sd3", "text_encoder_3", false, true)]
    [InlineData("sd3-no-t5", "", true, false)]
    [InlineData("flux-dev", "text_encoder_2", true, true)]
    [InlineData("flux-dev", "text_encoder_2", true, false)]
    [InlineData("flux-dev", "text_encoder_2", false, true)]
    public void A_model_exported_for_one_length_of_text_is_painted_with_it_unasked(string model, string t5, bool fixesNetwork, bool fixesT5)
    {
        var exported = Export(model, fixesNetwork ? Length : null, fixesT5 ? (t5, Length) : null);
        using var open = TextToImagePipeline.Load(FamilyGoldens.PathOf("models", model), _cpu);
        using var pipeline = TextToImagePipeline.Load(exported, _cpu);

        var expected = Paint(open, _castle with { MaxSequenceLength = Length });

        Assert.InRange(Differences.Largest(expected, Paint(pipeline, _castle)), 0, 1); // what is fixed is computed in another order
        Assert.True(Differences.Largest(expected, Paint(open, _castle)) > 1);
        var error = Assert.Throws<RequestException>(() => Paint(pipeline, _castle with { MaxSequenceLength = 64 }));
        Assert.Equal(("MaxSequenceLength", "MaxSequenceLength 64 is not the 48 that the model was exported for; leave it out."), (error.Parameter, error.Message));
    }

    [Fact]
    public void Parts_that_were_exported_for_other_lengths_than_each_other_are_refused()
    {
        using var pipeline = TextToImagePipeline.Load(Export("flux-dev", Length, ("text_encoder_2", 32)), _cpu);

        var error = Assert.Throws<ModelException>(() => Paint(pipeline, _castle));

        Assert.Equal("text_encoder_2 was exported for texts of 32 tokens, the transformer for 48; export them for the same.", error.Message);
    }

    private static RgbImage Paint(TextToImagePipeline pipeline, ImageRequest request) => pipeline.Generate(request).Single().Image;

    /// <summary>A copy of a model whose graphs take texts of one length only.</summary>
    private string Export(string model, int? network, (string Part, int Length)? t5)
    {
        var source = FamilyGoldens.PathOf("models", model);
        foreach (var file in Directory.EnumerateFiles(source, "*", SearchOption.AllDirectories))
        {
            var copy = _folder.PathOf(Path.GetRelativePath(source, file));
            Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
            File.Copy(file, copy);
        }

        if (network is { } tokens)
        {
            Fix(Path.Combine(source, "transformer"), "encoder_hidden_states", model.StartsWith("sd3", StringComparison.Ordinal) ? 77 + tokens : tokens);
        }

        if (t5 is var (part, length))
        {
            Fix(Path.Combine(source, part), "input_ids", length);
        }

        return _folder.Path;
    }

    /// <summary>Has ONNX Runtime write the graph with a size in the place of an open one's name.</summary>
    private void Fix(string part, string input, int size)
    {
        var path = Path.Combine(part, "model.onnx");
        string name;
        using (var options = new SessionOptions())
        using (var session = new InferenceSession(path, options))
        {
            name = session.InputMetadata[input].SymbolicDimensions[1];
        }

        using var fixing = new SessionOptions { GraphOptimizationLevel = GraphOptimizationLevel.ORT_DISABLE_ALL, OptimizedModelFilePath = _folder.PathOf(Path.Combine(Path.GetFileName(part), "model.onnx")) };
        fixing.AddFreeDimensionOverrideByName(name, size);
        using var written = new InferenceSession(path, fixing);
        Assert.Equal(size, written.InputMetadata[input].Dimensions[1]);
    }
}
