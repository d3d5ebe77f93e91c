using System.Globalization;

namespace StableDiffusion.Tests;

/// <summary><c>noise</c>, <c>encode</c> and <c>decode</c>, run as a user runs them.</summary>
public sealed class AutoencoderProgramTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Saved_latents_decode_to_the_picture_they_became()
    {
        var model = Goldens.PathOf("models", "sd1");
        Assert.Equal(0, SdProgram.Run("-m", model, "a cat", "-s", "3", "--steps", "3", "-o", _folder.PathOf("cat.png"), "--save-latents", _folder.PathOf("cat.npy")).ExitCode);
        Assert.Equal(0, SdProgram.Run("decode", _folder.PathOf("cat.npy"), "-m", model, "-o", _folder.PathOf("again.png")).ExitCode);
        Assert.Equal(0, SdProgram.Run("compare", _folder.PathOf("cat.png"), _folder.PathOf("again.png"), "--tolerance", "0").ExitCode);
    }

    /// <summary>Blended tiles are nearly the whole; how near is the concern of the tests of tiles.</summary>
    [Fact]
    public void Latents_decode_and_pictures_encode_in_tiles_as_painting_does()
    {
        var (model, tiles) = (Goldens.PathOf("models", "sd1"), new[] { "--vae-tile-size", "32" });
        Assert.Equal(0, SdProgram.Run(["-m", model, "a cat", "-s", "3", "--steps", "3", "-o", _folder.PathOf("cat.png"), "--save-latents", _folder.PathOf("cat.npy"), .. tiles]).ExitCode);
        Assert.Equal(0, SdProgram.Run(["decode", _folder.PathOf("cat.npy"), "-m", model, "-o", _folder.PathOf("tiled.png"), .. tiles]).ExitCode);
        Assert.Equal(0, SdProgram.Run("decode", _folder.PathOf("cat.npy"), "-m", model, "-o", _folder.PathOf("whole.png")).ExitCode);
        Assert.Equal(0, SdProgram.Run("compare", _folder.PathOf("cat.png"), _folder.PathOf("tiled.png"), "--tolerance", "0").ExitCode);
        Assert.NotEqual(0, SdProgram.Run("compare", _folder.PathOf("cat.png"), _folder.PathOf("whole.png"), "--tolerance", "0").ExitCode);

        Assert.Equal(0, SdProgram.Run(["encode", _folder.PathOf("cat.png"), "-m", model, "-o", _folder.PathOf("tiled.npy"), .. tiles]).ExitCode);
        Assert.Equal(0, SdProgram.Run("encode", _folder.PathOf("cat.png"), "-m", model, "-o", _folder.PathOf("whole.npy")).ExitCode);
        var (tiled, whole) = (NpyFile.Read(_folder.PathOf("tiled.npy")), NpyFile.Read(_folder.PathOf("whole.npy")));
        Assert.Equal(whole.Shape, tiled.Shape);
        Assert.NotEqual(whole.Values, tiled.Values);
    }

    [Theory]
    [InlineData("-o e.npy --sample -s abc", "--seed 'abc' is not a seed; give a number from 0 to 18446744073709551615")]
    [InlineData("-o e.npy --sample -s 1,2", "--seed 1,2 is several seeds; give one.")]
    [InlineData("-o e.txt", "--output e.txt must end in .npy.")]
    [InlineData("-o -", "--output - must end in .npy.")]
    public void What_cannot_be_encoded_so_is_refused_in_one_line(string options, string words) =>
        Refused.Run(Refused.Usage, words, _folder, ["encode", Path.Combine(Repository.Root, "samples", "red-apple.png"), "-m", Goldens.PathOf("models", "sd1"), .. options.Split(' ')]);

    [Fact]
    public void A_drawn_seed_is_another_each_time_and_one_of_all_64_bits_is_taken()
    {
        float[] Encoded(string seed, string name)
        {
            var outcome = SdProgram.Run("encode", Path.Combine(Repository.Root, "samples", "red-apple.png"), "-m", Goldens.PathOf("models", "sd1"), "--sample", "-s", seed, "-o", _folder.PathOf(name));
            Assert.Equal((0, ""), (outcome.ExitCode, outcome.Errors));
            return NpyFile.Read(_folder.PathOf(name)).Values;
        }

        Assert.NotEqual(Encoded("-1", "a.npy"), Encoded("-1", "b.npy"));
        Assert.Equal(Encoded("18446744073709551615", "c.npy"), Encoded("18446744073709551615", "d.npy"));
    }

    [Fact]
    public void Noised_latents_are_the_clean_ones_and_one_noise_in_the_shares_of_the_schedule()
    {
        var (model, picture) = (Goldens.PathOf("models", "sd1"), Path.Combine(Repository.Root, "samples", "red-apple.png"));
        var noised = SdProgram.Run("noise", picture, "-m", model, "-W", "64", "-H", "64", "-s", "7", "--timesteps", "0,500,999", "-o", _folder.PathOf("out/"));
        Assert.Equal("", noised.ExitCode == 0 ? "" : noised.Errors);
        Assert.Equal(3, noised.OutputLines.Count);
        Assert.Equal(0, SdProgram.Run("encode", picture, "-m", model, "-W", "64", "-H", "64", "-s", "7", "--sample", "-o", _folder.PathOf("clean.npy")).ExitCode);

        var clean = NpyFile.Read(_folder.PathOf("clean.npy"));
        Assert.Equal([1, 4, 8, 8], clean.Shape);

        // The encoder's draw comes first, the noise second, from one generator: diffusers' order for image to image.
        var random = new TorchRandom(7);
        random.Draw(new float[256]);
        var noise = new float[256];
        random.Draw(noise);

        // sqrt(bar) and sqrt(1 - bar) of torch 1.13, see ForwardDiffusionTests.
        foreach (var (step, alpha, sigma) in new[] { (0, 0.9995749f, 0.029155133f), (500, 0.5256734f, 0.8506865f), (999, 0.0682649f, 0.9976673f) })
        {
            var values = NpyFile.Read(_folder.PathOf(string.Create(CultureInfo.InvariantCulture, $"out/t{step:000}.npy"))).Values;
            for (var i = 0; i < values.Length; i++)
            {
                Assert.Equal((alpha * clean.Values[i]) + (sigma * noise[i]), values[i], 1e-5f);
            }
        }
    }

    [Theory]
    [InlineData("0,1000", "time step 1000 is not among this model's, 0 to 999")]
    [InlineData("0,x", "x is no time step")]
    [InlineData("", "'' is no time step")]
    public void Time_steps_that_are_none_are_refused_before_anything_is_written(string timesteps, string expected)
    {
        var picture = Path.Combine(Repository.Root, "samples", "red-apple.png");
        var refused = SdProgram.Run("noise", picture, "--timesteps", timesteps, "-o", _folder.PathOf("out"));
        Assert.Equal(2, refused.ExitCode);
        Assert.Contains(expected, Assert.Single(refused.ErrorLines), StringComparison.Ordinal);
        Assert.Empty(_folder.Names());
    }

    [Fact]
    public void Latents_of_another_model_are_refused()
    {
        File.WriteAllBytes(_folder.PathOf("z.npy"), Npy([1, 3, 8, 8]));
        var refused = SdProgram.Run("decode", _folder.PathOf("z.npy"), "-o", _folder.PathOf("z.png"));
        Assert.Equal(2, refused.ExitCode);
        Assert.Contains("have 3 channels", Assert.Single(refused.ErrorLines), StringComparison.Ordinal);

        static byte[] Npy(int[] shape)
        {
            using var stream = new MemoryStream();
            NpyFile.Write(stream, shape, new float[shape.Aggregate((a, b) => a * b)]);
            return stream.ToArray();
        }
    }
}
