namespace StableDiffusion.Tests;

/// <summary>Which text layers are left out of: diffusers' encode_prompt of SD and of SDXL reads the negative prompt at the usual layer, webuis as the prompt.</summary>
public sealed class NegativeClipSkipTests
{
    [Theory]
    [InlineData("sd1", LongPrompt.Truncate, true)]
    [InlineData("sdxl", LongPrompt.Truncate, true)]
    [InlineData("sd1", LongPrompt.Chunk, false)]
    [InlineData("sdxl", LongPrompt.Chunk, false)]
    public void The_negative_prompt_keeps_its_layer_as_in_diffusers_or_follows_the_prompt_s_as_in_webuis(string model, LongPrompt way, bool keeps)
    {
        var folder = ModelFolder.Open(Goldens.PathOf("models", model));
        using var conditioner = new ClipConditioner(folder, new NetworkLoader(folder, new OnnxRuntimeHost(ExecutionDevice.Cpu, threads: 1)));
        var request = new ImageRequest { Prompt = "a castle", NegativePrompt = "a dog", LongPrompt = way };
        GuidedConditioning Encode(int skip) => conditioner.Encode([GenerationPlan.Of(request with { ClipSkip = skip }, folder)], TestContext.Current.CancellationToken)[0];
        static float[] Text(Conditioning told) => told.Inputs[Conditioning.Text].Values;

        var (plain, skipped) = (Encode(1), Encode(2));

        Assert.NotEqual(Text(plain.Positive), Text(skipped.Positive));
        Assert.Equal(keeps, Text(plain.Negative!).SequenceEqual(Text(skipped.Negative!)));
    }
}
