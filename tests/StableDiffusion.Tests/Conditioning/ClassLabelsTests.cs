namespace StableDiffusion.Tests;

public sealed class ClassLabelsTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    /// <summary>Of ImageNet, with smaller numbers: a dog and a garment (its classes 264 and 474). diffusers tells case apart; here it is overlooked where nothing is meant by it.</summary>
    [Theory]
    [InlineData("Cardigan", 2)]
    [InlineData("Cardigan, Cardigan Welsh corgi", 2)]
    [InlineData("cardigan", 4)]
    [InlineData("CARDIGAN", 2)]
    [InlineData("cardigan welsh corgi", 2)]
    [InlineData("4", 4)]
    public void A_name_is_the_class_that_is_written_so(string prompt, int expected)
    {
        _folder.Fill(FamilyGoldens.PathOf("models", "dit"));
        File.WriteAllText(_folder.PathOf("model_index.json"), """{"_class_name": "DiTPipeline", "id2label": {"2": "Cardigan, Cardigan Welsh corgi", "4": "cardigan"}}""");

        Assert.Equal(expected, ClassLabels.Read(ModelFolder.Open(_folder.Path)).Find(prompt));
    }
}
