namespace StableDiffusion.Tests;

public class PhiloxRandomTests
{
    [Fact]
    public void The_noise_equals_the_webuis()
    {
        // The output that the head of the webui's modules/rng_philox.py states for Generator(seed=0).randn(shape=(3, 4)).
        float[] expected =
        [
            -0.92466259f, -0.42534415f, -2.6438457f, 0.14518388f,
            -0.12086647f, -0.57972564f, -0.62285122f, -0.32838709f,
            -1.07454231f, -0.36314407f, -1.67105067f, 2.26550497f,
        ];
        TorchRandomTests.AssertClose(expected, TorchRandomTests.Draw(new PhiloxRandom(0), 12));
    }

    [Fact]
    public void The_same_seed_gives_the_same_noise_and_a_second_draw_other_noise()
    {
        var random = new PhiloxRandom(42);
        var first = TorchRandomTests.Draw(random, 64);
        Assert.Equal(first, TorchRandomTests.Draw(new PhiloxRandom(42), 64));
        Assert.NotEqual(first, TorchRandomTests.Draw(random, 64));
    }

    [Fact]
    public void All_64_bits_of_a_seed_count() =>
        Assert.NotEqual(TorchRandomTests.Draw(new PhiloxRandom(5), 16), TorchRandomTests.Draw(new PhiloxRandom((1L << 32) + 5), 16));

    [Fact]
    public void A_longer_draw_begins_with_the_shorter_one() =>
        Assert.Equal(TorchRandomTests.Draw(new PhiloxRandom(3), 8), TorchRandomTests.Draw(new PhiloxRandom(3), 16)[..8]);
}
