using System.Text.Json;

namespace StableDiffusion.Tests;

public class ClipTokenizerTests
{
    private static readonly Lazy<ClipTokenizer> _clip = new(() => ClipTokenizer.Load(Goldens.PathOf("clip-tokenizer")));
    private static readonly Lazy<ClipTokenizer> _sd2 = new(() => ClipTokenizer.Load(Goldens.PathOf("models", "sd2", "tokenizer")));

    private static readonly Lazy<JsonElement> _golden =
        new(() => JsonDocument.Parse(File.ReadAllBytes(Goldens.PathOf("clip-tokens.json"))).RootElement);

    public static TheoryData<int> Rows() => [.. Enumerable.Range(0, _golden.Value.GetArrayLength())];

    [Theory]
    [MemberData(nameof(Rows))]
    public void The_ids_equal_those_of_the_fast_tokenizer(int position)
    {
        var row = _golden.Value[position];
        var expected = row.GetProperty("ids").EnumerateArray().Select(id => id.GetInt32());
        Assert.Equal(expected, [_clip.Value.BosId, .. _clip.Value.Encode(row.GetProperty("text").GetString()!), _clip.Value.EosId]);
    }
}
