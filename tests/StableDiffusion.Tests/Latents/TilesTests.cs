using System.Text.Json;

namespace StableDiffusion.Tests;

/// <summary>Tiles against diffusers' own loops (make_tiles_golden.py), and the tiled autoencoder against the whole one.</summary>
public sealed class TilesTests(Pipelines pipelines) : IClassFixture<Pipelines>
{
    private static readonly JsonElement[] _cases =
        [.. JsonDocument.Parse(File.ReadAllText(Path.Combine(Repository.Root, "tests", "StableDiffusion.Tests", "Latents", "tiles-golden.json"))).RootElement.EnumerateArray()];

    public static TheoryData<int> Cases => [.. Enumerable.Range(0, _cases.Length)];

    [Theory]
    [MemberData(nameof(Cases))]
    public void Tiles_are_cut_and_blended_as_diffusers_does(int number)
    {
        var golden = _cases[number];
        var isDecoder = golden.GetProperty("name").GetString() == "decode";
        int[] shape = [.. golden.GetProperty("shape").EnumerateArray().Select(size => size.GetInt32())];
        var tiles = new Tiles(golden.GetProperty("fed").GetInt32(), golden.GetProperty("step").GetInt32(), isDecoder ? 2 : 1, isDecoder ? 1 : 2);

        var result = tiles.Run(new Tiles.Plane(Floats(golden, "input"), shape[0], shape[1], shape[2]), isDecoder ? Decode : Encode);

        Assert.InRange(Differences.Largest(result.Values, Floats(golden, "output")), 0, 1e-6);
    }

    [Fact]
    public void A_picture_of_one_tile_is_the_whole_picture()
    {
        var request = new ImageRequest { Prompt = "a castle", Steps = 2, Seeds = [4], Width = 64, Height = 64 };

        var whole = pipelines.Of("sd1").Generate(request).Single().Image;

        Assert.Equal(0, Differences.Largest(pipelines.Of("sd1").Generate(request with { Tiling = new VaeTiling(64) }).Single().Image, whole));
    }

    /// <summary>
    /// Group norms see a tile instead of the picture, so the seams are blended but not equal. On these random weights, whose autoencoder has no
    /// notion of smoothness, most channels of most pixels stay within a tenth of the range.
    /// </summary>
    [Theory]
    [InlineData(128, 128)]
    [InlineData(160, 96)]
    public void A_picture_of_several_tiles_is_of_the_same_size_and_close_to_the_whole(int width, int height)
    {
        var request = new ImageRequest { Prompt = "a castle", Steps = 2, Seeds = [4], Width = width, Height = height };

        var whole = pipelines.Of("sd1").Generate(request).Single().Image;
        var tiled = pipelines.Of("sd1").Generate(request with { Tiling = new VaeTiling(64) }).Single().Image;

        Assert.Equal((width, height), (tiled.Width, tiled.Height));
        Assert.InRange(Differences.Mean(tiled, whole), 0.01, 12);
    }

    /// <summary>Without overlap each tile is what is decoded of its latents alone; with it that goes for all but the seams, where tiles lie over each other.</summary>
    [Fact]
    public void Tiles_overlap_as_far_as_is_asked()
    {
        var request = new ImageRequest { Prompt = "a castle", Steps = 2, Seeds = [4], Width = 128, Height = 64 };
        var pipeline = pipelines.Of("sd1");
        var latents = pipeline.Generate(request).Single().Latents;
        var width = latents.Width;
        float[] left = [.. Enumerable.Range(0, latents.Values.Length).Where(at => at % width < width / 2).Select(at => latents.Values[at])];
        var half = new Latents(left, 1, latents.Channels, latents.Height, width / 2);

        RgbImage Left(RgbImage image) => new(64, 64, [.. Enumerable.Range(0, 64).SelectMany(row => image.Pixels.Slice(row * 128 * 3, 64 * 3).ToArray())]);
        var without = Left(pipeline.Generate(request with { Tiling = new VaeTiling(64, 0) }).Single().Image);
        var overlapping = Left(pipeline.Generate(request with { Tiling = new VaeTiling(64, 0.5) }).Single().Image);
        var alone = pipeline.Decode(half, TestContext.Current.CancellationToken);

        Assert.Equal(0, Differences.Largest(without, alone));
        Assert.NotEqual(0, Differences.Largest(overlapping, alone));
    }

    [Fact]
    public void A_picture_is_encoded_in_tiles_too()
    {
        var picture = pipelines.Of("sd1").Generate(new ImageRequest { Prompt = "a castle", Steps = 2, Seeds = [4], Width = 128, Height = 128 }).Single().Image;
        var request = new ImageRequest { Prompt = "a dog", Steps = 4, Seeds = [1], InitImage = picture, Strength = 0.25 };

        var whole = pipelines.Of("sd1").Generate(request).Single();
        var tiled = pipelines.Of("sd1").Generate(request with { Tiling = new VaeTiling(64) }).Single();

        var difference = Differences.Largest(tiled.Latents.Values, whole.Latents.Values);
        Assert.True(difference > 0, "nothing was cut");
        Assert.True(difference < whole.Latents.Values.Max(Math.Abs), $"{difference}");
    }

    [Theory]
    [InlineData(512, 512, 4, false)]
    [InlineData(1024, 1024, 6, true)]
    [InlineData(1024, 1024, 8, false)]
    [InlineData(1280, 1280, 12, true)]
    [InlineData(1280, 1280, 16, false)]
    [InlineData(2048, 2048, 64, true)]
    [InlineData(2048, 2048, 96, false)]
    public void Tiles_are_taken_by_themselves_where_the_whole_would_not_fit(int width, int height, int gigabytes, bool isShort)
    {
        // Stable Diffusion 1.5: 128 channels of 33 bytes a pixel are 4.4 GB at 1024 x 1024; scores are 7.9 GB at 1280 x 1280, 52 GB at 2048 x 2048.
        Assert.Equal(isShort, VaeMemory.IsShort(height / 8, width / 8, 8, 128, gigabytes * 1e9));
    }

    [Theory]
    [InlineData(60, 0.25)]
    [InlineData(8, 0.25)]
    [InlineData(64, 1)]
    [InlineData(64, double.NaN)]
    public void Tiles_that_make_no_sense_are_refused(int size, double overlap) => Assert.Throws<RequestException>(() =>
        pipelines.Of("sd1").Generate(new ImageRequest { Prompt = "", Tiling = new VaeTiling(size, overlap) }));

    private static Tiles.Plane Decode(Tiles.Plane tile)
    {
        var mean = tile.Values.Average();
        return new Tiles.Plane(
            [.. Enumerable.Range(0, tile.Values.Length * 4).Select(i => tile.Values[(i / (tile.Width * 2) / 2 * tile.Width) + (i % (tile.Width * 2) / 2)] + mean)],
            tile.Channels,
            tile.Height * 2,
            tile.Width * 2);
    }

    private static Tiles.Plane Encode(Tiles.Plane tile)
    {
        var mean = tile.Values.Average();
        return new Tiles.Plane(
            [.. tile.Values.Where((_, i) => i / tile.Width % 2 == 0 && i % tile.Width % 2 == 0).Select(value => value + mean)], tile.Channels, tile.Height / 2, tile.Width / 2);
    }

    private static float[] Floats(JsonElement golden, string key) => [.. golden.GetProperty(key).EnumerateArray().Select(value => value.GetSingle())];
}
