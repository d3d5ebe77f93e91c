namespace StableDiffusion.Tests;

public class ModelVocabularyTests
{
    private static readonly ModelVocabulary _vocabulary =
        ModelVocabulary.Read(Path.Combine(Repository.Root, "models", "emoji-256", "vocabulary.json"))!;

    [Fact]
    public void A_prompt_of_known_words_has_no_unknown_ones() =>
        Assert.Empty(_vocabulary.UnknownWords("A red apple, 3D render on a blue background"));

    [Fact]
    public void Unknown_words_are_named_once_in_order() =>
        Assert.Equal(["zeppelin", "übermütig"], _vocabulary.UnknownWords("a (zeppelin:1.2), übermütig red apple, [zeppelin] BREAK 3d render"));

    [Fact]
    public void Every_concept_in_each_of_its_styles_is_a_prompt_without_unknown_words()
    {
        Assert.NotEmpty(_vocabulary.Concepts);
        Assert.All(_vocabulary.Concepts, concept =>
        {
            Assert.NotEmpty(concept.Styles);
            Assert.All(concept.Styles, style =>
                Assert.Empty(_vocabulary.UnknownWords($"{concept.Label}, {style} on a {_vocabulary.Backgrounds[0]} background")));
        });
    }

    [Fact]
    public void A_model_without_the_file_has_no_vocabulary() =>
        Assert.Null(ModelVocabulary.Read(Goldens.PathOf("models", "sd1", "vocabulary.json")));

    [Theory]
    [InlineData("{")]
    [InlineData("[]")]
    [InlineData("""{"styles":{},"backgrounds":[]}""")]
    [InlineData("""{"styles":{},"backgrounds":[],"concepts":[{"label":1,"styles":[]}]}""")]
    public void A_broken_file_is_named(string text)
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder.PathOf("vocabulary.json"), text);
        var error = Assert.Throws<ModelException>(() => ModelVocabulary.Read(folder.PathOf("vocabulary.json")));
        Assert.Contains("vocabulary.json is no vocabulary", error.Message, StringComparison.Ordinal);
    }
}
