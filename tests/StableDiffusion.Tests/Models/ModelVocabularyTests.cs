namespace StableDiffusion.Tests;

public class ModelVocabularyTests
{
    private static readonly ModelVocabulary _vocabulary =
        ModelVocabulary.Read(Path.Combine(Repository.Root, "models", "emoji-256", "vocabulary.json"))!;

    [Fact]
    public void A_prompt_of_known_words_has_no_unknown_ones() =>
        Assert.Empty(_vocabulary.UnknownWords("A red apple, 3D render on a blue background"));

    [Theory]
    [InlineData("a photo of a cat")]
    [InlineData("A cup of coffee on a wooden table, highly detailed, 4K")]
    [InlineData("two kittens and a puppy in front of a blue background")]
    [InlineData("please draw me the most wizened little bunny, soft lighting", "wizened")]
    [InlineData("an astronaut riding a horse, trending on artstation")]
    [InlineData("a pencil sketch of an owl's face")]
    [InlineData("a bunch of bananas beside a glass of red wine")]
    [InlineData("a zeppelin over a purple cat by moonshine", "zeppelin", "moonshine")]
    public void Words_that_people_put_around_a_thing_are_no_unknown_ones(string prompt, params string[] unknown) =>
        Assert.Equal(unknown, _vocabulary.UnknownWords(prompt));

    [Fact]
    public void A_vocabulary_without_other_names_and_neutral_words_can_be_read()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(
            folder.PathOf("vocabulary.json"), """{"styles":{"ink":[]},"backgrounds":["white"],"concepts":[{"label":"boat","styles":["ink"]}]}""");
        var vocabulary = ModelVocabulary.Read(folder.PathOf("vocabulary.json"))!;
        Assert.Equal(["photo"], vocabulary.UnknownWords("a photo of a boat, ink on white"));
        Assert.Empty(Assert.Single(vocabulary.Concepts).Names);
    }

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
            Assert.All(concept.Names, name => Assert.Empty(_vocabulary.UnknownWords($"a picture of the {name}")));
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
        Assert.Contains("vocabulary.json is no", error.Message, StringComparison.Ordinal);
    }
}
