using System.Text.Json;

namespace StableDiffusion.Tests;

/// <summary>Edges that OpenCV 4.5.1 finds (make_canny_golden.js): noise, shapes, slopes, pictures of one row or column, exchanged thresholds.</summary>
public sealed class CannyTests
{
    private static readonly JsonElement[] _cases =
        [.. JsonDocument.Parse(File.ReadAllText(Path.Combine(Repository.Root, "tests", "StableDiffusion.Tests", "Pictures", "canny-golden.json"))).RootElement.EnumerateArray()];

    public static TheoryData<int> Cases => [.. Enumerable.Range(0, _cases.Length)];

    [Theory]
    [MemberData(nameof(Cases))]
    public void The_edges_are_those_of_OpenCV(int number)
    {
        var golden = _cases[number];
        var image = new RgbImage(golden.GetProperty("width").GetInt32(), golden.GetProperty("height").GetInt32(), golden.GetProperty("pixels").GetBytesFromBase64());
        var bits = golden.GetProperty("edges").GetBytesFromBase64();

        var edges = Canny.Edges(image, golden.GetProperty("low").GetDouble(), golden.GetProperty("high").GetDouble()).Pixels.ToArray();

        var expected = Enumerable.Range(0, edges.Length).Select(i => (bits[i / 3 / 8] >> (i / 3 % 8) & 1) * 255);
        Assert.Equal(expected, edges.Select(value => (int)value));
    }
}
