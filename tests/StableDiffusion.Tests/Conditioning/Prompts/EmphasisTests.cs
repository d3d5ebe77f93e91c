namespace StableDiffusion.Tests;

public class EmphasisTests
{
    [Fact]
    public void Weights_multiply_and_the_mean_over_the_chunk_is_restored()
    {
        float[] embeddings = [1, 2, 3, 4, 5, 6];
        Emphasis.Apply(embeddings, [1, 2, 0.5f], width: 2);

        // Weighted: 1 2 6 8 2.5 3, of sum 22.5 where it was 21.
        Assert.All(
            embeddings.Zip([1f, 2f, 6f, 8f, 2.5f, 3f]),
            pair => Assert.Equal(pair.Second * 21 / 22.5f, pair.First, 1e-6f));
    }

    [Fact]
    public void Weights_of_1_change_nothing()
    {
        float[] embeddings = [0.1f, -0.2f, 0.3f, 0.4f];
        Emphasis.Apply(embeddings, [1, 1], width: 2);
        Assert.Equal([0.1f, -0.2f, 0.3f, 0.4f], embeddings);
    }

    [Fact]
    public void Weights_of_0_leave_zeros_and_no_mean_to_restore()
    {
        float[] embeddings = [1, 2, 3, 4];
        Emphasis.Apply(embeddings, [0, 0], width: 2);
        Assert.Equal([0f, 0f, 0f, 0f], embeddings);
    }

    [Fact]
    public void Embeddings_that_are_not_tokens_times_width_are_refused() =>
        Assert.Throws<ArgumentException>(() => Emphasis.Apply(new float[5], [1, 1], width: 2));
}
