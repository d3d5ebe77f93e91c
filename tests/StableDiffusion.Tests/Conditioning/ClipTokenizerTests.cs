using System.Text;
using System.Text.Json;
using FsCheck;
using FsCheck.Fluent;

namespace StableDiffusion.Tests;

public class ClipTokenizerTests
{
    private static readonly Lazy<ClipTokenizer> _clip = new(() => ClipTokenizer.Load(Goldens.PathOf("clip-tokenizer")));

    private static readonly Lazy<JsonElement> _golden =
        new(() => JsonDocument.Parse(File.ReadAllBytes(Goldens.PathOf("clip-tokens.json"))).RootElement);

    private static ClipTokenizer Clip => _clip.Value;

    private static ClipTokenizer Sd2 => PromptGoldens.Tokenizer("sd2");

    public static TheoryData<int> Rows() => [.. Enumerable.Range(0, _golden.Value.GetArrayLength())];

    [Theory]
    [MemberData(nameof(Rows))]
    public void The_ids_equal_those_of_the_fast_tokenizer(int position)
    {
        var row = _golden.Value[position];
        var expected = row.GetProperty("ids").EnumerateArray().Select(id => id.GetInt32());
        Assert.Equal(expected, [Clip.BosId, .. Clip.Encode(row.GetProperty("text").GetString()!), Clip.EosId]);
    }

    [Fact]
    public void Any_text_gives_ids_of_the_vocabulary() => Prop.ForAll(
        PromptParserTests.TextOf("aZé \u0301\u0130ß日한\u1100\u1161'!<|>\0\t\u3000\ud83d\ude42\ud83d\udc00\uffff²"),
        text => Clip.Encode(text).All(id => Clip.NameOf(id) is not null)
            && Sd2.Encode(text).All(id => Sd2.NameOf(id) is not null)).QuickCheckThrowOnFailure();

    [Fact]
    public void A_lone_surrogate_counts_as_the_replacement_character() =>
        Assert.Equal(Clip.Encode("a\uFFFDb"), Clip.Encode("a\ud83db"));

    [Fact]
    public void Case_and_white_space_make_no_difference() =>
        Assert.Equal(Clip.Encode("a red fox, running"), Clip.Encode("\tA  Red\u3000FOX,\nrunning "));

    [Theory]
    [InlineData("supercalifragilistic")]
    [InlineData("a")]
    [InlineData("日本語の")]
    [InlineData("éa")]
    public void A_word_of_100_000_letters_is_merged_and_comes_back(string part)
    {
        var word = string.Concat(Enumerable.Repeat(part, 100_000 / part.Length));
        Assert.Equal(word, TextOf(Clip.Encode(word)));
    }

    [Fact]
    public void A_long_word_gives_the_same_tokens_in_pieces_as_at_once()
    {
        // Letters, marks and signs of one to four bytes, and runs of one letter, whose pairs depend on where the run begins.
        var letters = Gen.Elements("a", "aa", "aaaaaaaaaaa", "b", "the", "ing", "q", "é", "ß", "日", "한", "𠀀", "ӿ", "st", "ation", "zzzz");
        var words = from count in Gen.Choose(1, 60)
                    from parts in Gen.ArrayOf(letters, count)
                    select string.Concat(parts);
        var lines = File.ReadAllLines(Goldens.PathOf("clip-tokenizer", "merges.txt"));
        var vocabulary = JsonSerializer.Deserialize<Dictionary<string, int>>(File.ReadAllBytes(Goldens.PathOf("clip-tokenizer", "vocab.json")))!;
        const string Unknown = "<|endoftext|>";
        var encoder = BytePairEncoder.Create(vocabulary, lines[1..], Unknown, vocabulary[Unknown]);
        Prop.ForAll(words.ToArbitrary(), word => encoder.Encode(word, longestPiece: 7).SequenceEqual(encoder.Encode(word, longestPiece: 1000)))
            .Check(Config.QuickThrowOnFailure.WithMaxTest(2000));
    }

    [Fact]
    public void Tokens_know_where_they_begin()
    {
        // The lower case of İ is i and a combining dot, which make two words.
        const string Text = "An İstanbul\u3000cafe\u0301, 8K 🙂!";
        var starts = Clip.Tokenize(Text).Select(token => Text[token.Start..].Split(' ', '\u3000')[0]);
        Assert.Equal(["An", "İstanbul", "İstanbul", "stanbul", "cafe\u0301,", ",", "8K", "K", "🙂!", "!"], starts);
    }

    [Fact]
    public void Special_tokens_in_the_text_are_found_in_any_case_where_the_model_says_so() =>
        Assert.Equal([.. Clip.Encode("a"), Clip.EosId, .. Clip.Encode("b")], Clip.Encode("a<|EndOfText|>b"));

    [Fact]
    public void The_padding_of_Stable_Diffusion_2_is_an_exclamation_mark_also_within_words()
    {
        Assert.Equal(0, Sd2.PadId);
        Assert.Equal([.. Sd2.Encode("cat"), 0, 0, .. Sd2.Encode("dog")], Sd2.Encode("cat!!dog"));
    }

    [Fact]
    public void A_short_prompt_is_padded()
    {
        var prompt = Sd2.Truncate("a cat", 8);
        Assert.Equal([Sd2.BosId, .. Sd2.Encode("a cat"), Sd2.EosId, 0, 0, 0, 0], prompt.Ids);
        Assert.Equal("", prompt.DroppedText);
    }

    [Fact]
    public void A_long_prompt_is_cut_and_what_is_dropped_is_quoted_as_written()
    {
        var prompt = Clip.Truncate(string.Concat(Enumerable.Repeat("word ", 74)) + "Kept, Dropped  Wörds ", 77);
        Assert.Equal([Clip.BosId, .. Enumerable.Repeat(Clip.Encode("word")[0], 74), Clip.Encode("kept")[0], Clip.EosId], prompt.Ids);
        Assert.Equal(", Dropped  Wörds", prompt.DroppedText);
    }

    [Fact]
    public void A_prompt_that_just_fits_drops_nothing()
    {
        Assert.Equal("", Clip.Truncate(string.Concat(Enumerable.Repeat("word ", 75)), 77).DroppedText);
        Assert.Equal("word", Clip.Truncate(string.Concat(Enumerable.Repeat("word ", 76)), 77).DroppedText);
    }

    [Fact]
    public void Cut_prompts_begin_as_the_ids_of_the_fast_tokenizer() => Assert.All(_golden.Value.EnumerateArray(), row =>
    {
        var ids = row.GetProperty("ids").EnumerateArray().Select(id => id.GetInt32()).ToList();
        var prompt = Clip.Truncate(row.GetProperty("text").GetString()!, 24);
        Assert.Equal(24, prompt.Ids.Length);
        Assert.Equal(ids.SkipLast(1).Take(23), prompt.Ids.Take(Math.Min(ids.Count - 1, 23)));
        Assert.All(prompt.Ids.Skip(Math.Min(ids.Count - 1, 23)), id => Assert.Equal(Clip.EosId, id));
        Assert.Equal(ids.Count > 24, prompt.DroppedText.Length > 0);
    });

    [Fact]
    public void Decoding_gives_the_words_back() => Assert.Equal(
        "a café in 日本語 , <|endoftext|> 🙂",
        TextOf(Clip.Encode("A  Café in 日本語, <|endoftext|> 🙂")).Replace("<|endoftext|>", "<|endoftext|> ", StringComparison.Ordinal));

    private static string TextOf(IEnumerable<int> ids) =>
        Encoding.UTF8.GetString([.. ids.SelectMany(id => Clip.EndsWord(id) ? [.. Clip.BytesOf(id), (byte)' '] : Clip.BytesOf(id))]).TrimEnd();

    [Fact]
    public void A_length_without_room_for_begin_and_end_is_refused() =>
        Assert.Throws<ArgumentOutOfRangeException>(() => Clip.Truncate("a", 1));
}
