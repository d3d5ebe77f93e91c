namespace StableDiffusion.Tests;

/// <summary>Which words of a folder a prompt means.</summary>
public sealed class EmbeddingSetTests : IDisposable
{
    private static readonly ModelFolder _model = ModelFolder.Open(Goldens.PathOf("models", "sd1"));
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("a cat, bad-hands-v2", "bad-hands-v2")]
    [InlineData("a cat, Bad-Hands-V2, bad-hands", "bad-hands-v2, bad-hands")]
    [InlineData("bad-handstand", "")]
    public void Of_words_that_begin_alike_the_longest_is_meant(string prompt, string expected)
    {
        Write("bad-hands", fits: true);
        Write("bad-hands-v2", fits: true);

        Assert.Equal(expected, Used(prompt));
    }

    [Fact]
    public void A_word_that_stands_in_no_prompt_is_said_once_a_picture()
    {
        var warnings = new List<string>();
        using var pipeline = TextToImagePipeline.Load(Goldens.PathOf("models", "sd1"), new PipelineOptions { Device = ExecutionDevice.Cpu, Warning = warnings.Add });
        var request = new ImageRequest { Prompt = "a castle", Steps = 1, Seeds = [1], Embeddings = [new TextualInversion(LoraGoldens.PathOf("glorp-a1111.safetensors"), "glorp")] };

        Assert.Single(pipeline.Generate(request));
        Assert.EndsWith("changes nothing: no prompt has its word 'glorp'.", Assert.Single(warnings), StringComparison.Ordinal);
        Assert.Single(pipeline.Generate(request with { Prompt = "a glorp castle" }));
        Assert.Single(warnings);
    }

    [Fact]
    public void A_file_that_does_not_fit_is_refused_only_where_its_own_word_is_meant()
    {
        Write("bad-hands", fits: false);
        Write("bad-hands-v2", fits: true);

        Assert.Equal("bad-hands-v2", Used("a cat, bad-hands-v2"));
        Assert.Contains("does not fit", Assert.Throws<RequestException>(() => Used("a cat, bad-hands")).Message, StringComparison.Ordinal);
    }

    private string Used(string prompt) => string.Join(", ", new EmbeddingSet([], _folder.Path, _model).UsedIn([prompt]).Select(used => used.Word));

    private void Write(string word, bool fits)
    {
        var width = EmbeddingTable.Find(OnnxGraph.Load(_model.NetworkOf("text_encoder"))).Width + (fits ? 0 : 1);
        File.WriteAllBytes(_folder.PathOf($"{word}.safetensors"), SafeTensors.Of(null, ("emb_params", [1, width], new float[width])));
    }
}
