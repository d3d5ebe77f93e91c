namespace StableDiffusion.Tests;

public sealed class ClipTokenizerLoadingTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("tokenizer").FullName;

    public ClipTokenizerLoadingTests()
    {
        foreach (var file in Directory.GetFiles(Goldens.PathOf("models", "sd2", "tokenizer")))
        {
            File.Copy(file, Path.Combine(_folder, Path.GetFileName(file)));
        }
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void The_files_of_a_model_give_its_special_tokens_and_length()
    {
        var tokenizer = ClipTokenizer.Load(_folder);
        Assert.Equal((2512, 2513, 0), (tokenizer.BosId, tokenizer.EosId, tokenizer.PadId));
        Assert.Equal((77, true, false), (tokenizer.ModelMaxLength, tokenizer.NameOf(2513) is not null, tokenizer.NameOf(2514) is not null));
    }

    [Fact]
    public void Vocabulary_and_merges_are_enough()
    {
        File.Delete(Path.Combine(_folder, "tokenizer_config.json"));
        File.Delete(Path.Combine(_folder, "special_tokens_map.json"));
        var tokenizer = ClipTokenizer.Load(_folder);
        Assert.Equal((2512, 2513, 2513, null), (tokenizer.BosId, tokenizer.EosId, tokenizer.PadId, tokenizer.ModelMaxLength));
    }

    [Theory]
    [InlineData("""{ "pad_token": "!" }""")]
    [InlineData("""{ "pad_token": { "content": "!", "normalized": false } }""")]
    public void Without_a_list_of_added_tokens_the_older_file_has_the_last_word(string map)
    {
        Write("tokenizer_config.json", """{ "pad_token": "<|endoftext|>" }""");
        Write("special_tokens_map.json", map);
        var tokenizer = ClipTokenizer.Load(_folder);
        Assert.Equal(0, tokenizer.PadId);
        Assert.Equal([0], tokenizer.Encode("!"));
    }

    /// <summary>transformers before 4.34 kept learnt words so: they are looked for in the lower-cased text, special ones as typed.</summary>
    [Fact]
    public void Without_a_list_of_added_tokens_those_of_the_oldest_file_are_known()
    {
        Write("tokenizer_config.json", "{}");
        Write("special_tokens_map.json", """{ "additional_special_tokens": ["<S>"] }""");
        Write("added_tokens.json", """{ "<cat-toy>": 2514, "<S>": 2515 }""");
        var tokenizer = ClipTokenizer.Load(_folder);

        Assert.Equal([2514], tokenizer.Encode("<Cat-Toy>"));
        Assert.Equal([2515], tokenizer.Encode("<S>"));
        Assert.NotEqual([2515], tokenizer.Encode("<s>"));
    }

    [Theory]
    [InlineData("""{ "<x>": -1 }""", "added_tokens.json holds \"<x>\": -1, not a token with its id.")]
    [InlineData("""{ "": 7 }""", "added_tokens.json holds \"\": 7")]
    [InlineData("[]", "added_tokens.json is not a JSON object")]
    public void An_oldest_file_that_is_broken_is_refused(string content, string message)
    {
        Write("tokenizer_config.json", "{}");
        Write("added_tokens.json", content);

        Assert.Contains(message, Assert.Throws<ModelException>(() => ClipTokenizer.Load(_folder)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Beside_a_list_of_added_tokens_the_older_file_is_not_read()
    {
        Write("special_tokens_map.json", """{ "pad_token": "<|startoftext|>" }""");
        Assert.Equal(0, ClipTokenizer.Load(_folder).PadId);
    }

    [Theory]
    [InlineData("24", 24)]
    [InlineData("1000000000000000019884624838656", null)]
    [InlineData("\"77\"", null)]
    [InlineData("null", null)]
    public void The_length_is_null_where_the_model_does_not_really_say(string written, int? expected)
    {
        Write("tokenizer_config.json", $$"""{ "model_max_length": {{written}} }""");
        Assert.Equal(expected, ClipTokenizer.Load(_folder).ModelMaxLength);
    }

    [Theory]
    [InlineData("vocab.json", null, "vocab.json is missing")]
    [InlineData("merges.txt", null, "merges.txt is missing")]
    [InlineData("vocab.json", "{", "vocab.json is not valid JSON")]
    [InlineData("vocab.json", "[1]", "vocab.json is not a JSON object")]
    [InlineData("vocab.json", """{ "a": "x" }""", "the id of \"a\" is \"x\"")]
    [InlineData("vocab.json", """{ "a": -1 }""", "the id of \"a\" is -1")]
    [InlineData("vocab.json", """{ "a": 1.5 }""", "the id of \"a\" is 1.5")]
    [InlineData("merges.txt", "#version: 0.2\na b c", "merges.txt line 2: \"a b c\"")]
    [InlineData("merges.txt", "#version: 0.2\ni n\nno such</w>pair", "merges.txt line 3")]
    [InlineData("tokenizer_config.json", "nonsense", "tokenizer_config.json is not valid JSON")]
    [InlineData("tokenizer_config.json", """{ "bos_token": "<s>" }""", "\"<s>\", the bos_token")]
    [InlineData("tokenizer_config.json", """{ "added_tokens_decoder": { "x": { "content": "!" } } }""", "\"x\"")]
    [InlineData("tokenizer_config.json", """{ "added_tokens_decoder": { "0": 1 } }""", "\"0\": 1")]
    public void A_broken_folder_is_refused_with_the_file_and_the_fault(string file, string? content, string message)
    {
        File.Delete(Path.Combine(_folder, "special_tokens_map.json"));
        if (content is null)
        {
            File.Delete(Path.Combine(_folder, file));
        }
        else
        {
            Write(file, content);
        }

        var exception = Assert.Throws<ModelException>(() => ClipTokenizer.Load(_folder));
        Assert.Contains(message, exception.Message, StringComparison.Ordinal);
        Assert.Contains(_folder, exception.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', exception.Message);
    }

    [Fact]
    public void A_folder_that_is_not_there_is_named() => Assert.Contains(
        "nowhere",
        Assert.Throws<ModelException>(() => ClipTokenizer.Load(Path.Combine(_folder, "nowhere"))).Message,
        StringComparison.Ordinal);

    private void Write(string file, string content) => File.WriteAllText(Path.Combine(_folder, file), content);
}
