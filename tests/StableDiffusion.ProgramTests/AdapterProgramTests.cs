namespace StableDiffusion.Tests;

/// <summary>LoRAs and learnt words on the command line, in prompts and in batch lines.</summary>
public sealed class AdapterProgramTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_tag_in_the_prompt_paints_what_the_option_paints_and_both_are_kept_with_the_picture()
    {
        var option = Paint("red robot", "--lora", LoraGoldens.PathOf("kohya-r4.safetensors") + ":0.5");
        var tag = Paint("red robot <lora:kohya-r4:0.5>", "--lora-dir", LoraGoldens.Folder);
        var apart = Paint("red robot", "--lora", LoraGoldens.PathOf("kohya-r4.safetensors") + ":unet=0.5,text=0");
        var none = Paint("red robot");

        // The hash: sha256sum of the file without its header, `python -c "d=open(f,'rb').read(); n=int.from_bytes(d[:8],'little')+8; print(hashlib.sha256(d[n:]).hexdigest()[:12])"`.
        Assert.Contains("red robot <lora:kohya-r4:0.5>\nSteps: 2", option.Text, StringComparison.Ordinal);
        Assert.Contains("Lora hashes: \"kohya-r4: 41787eed5309\"", option.Text, StringComparison.Ordinal);
        Assert.Equal(option.Text, tag.Text);
        Assert.Equal(0, Differences.Largest(option.Image, tag.Image));
        Assert.True(Differences.Largest(option.Image, none.Image) > 2, "the LoRA changes nothing");
        Assert.True(Differences.Largest(option.Image, apart.Image) > 0, "its strength in the text encoder changes nothing");
        Assert.Contains("<lora:kohya-r4:0:0.5>", apart.Text, StringComparison.Ordinal);
    }

    [Fact]
    public void The_rank_that_a_tag_asks_for_changes_no_strength_and_is_said_not_to_be_followed()
    {
        var outcome = SdProgram.Run(
            ["red robot <lora:kohya-r4:0.5:0.25:64>", "--lora-dir", LoraGoldens.Folder, "-m", Refused.GoodModel, "--device", "cpu", "--steps", "2", "-s", "1", "-q", "-o", "ranked.png"], _folder.Path, "");
        var plain = Paint("red robot <lora:kohya-r4:0.5:0.25>", "--lora-dir", LoraGoldens.Folder);

        Assert.Equal(0, outcome.ExitCode);
        Assert.Equal("warning: the tag of the LoRA kohya-r4 asks for its rank 64 alone, which is not done here; all of it is taken.", Assert.Single(outcome.ErrorLines));
        Assert.Equal(0, Differences.Largest(PngReader.Read(_folder.PathOf("ranked.png")).Image, plain.Image));
    }

    [Fact]
    public void A_learnt_word_of_a_file_or_a_folder_counts_in_both_prompts_with_weights_and_in_any_case()
    {
        var file = Paint("a (Glorp:1.2) castle", "--embedding", "glorp=" + LoraGoldens.PathOf("glorp-a1111.safetensors"));
        var other = Paint("a (Glorp:1.2) castle", "--embedding", LoraGoldens.PathOf("glorp-a1111.safetensors"));
        var negative = Paint("a castle", "-n", "<zonk>", "--embedding-dir", LoraGoldens.Folder);
        var plain = Paint("a castle", "-n", "<zonk>");

        // sha256sum glorp-a1111.safetensors, first twelve digits.
        Assert.Contains("TI hashes: \"glorp: 7eaca4db5e50\"", file.Text, StringComparison.Ordinal);
        Assert.DoesNotContain("TI hashes", other.Text, StringComparison.Ordinal);
        Assert.True(Differences.Largest(file.Image, other.Image) > 2, "the word means nothing");
        Assert.Contains("TI hashes: \"<zonk>: ", negative.Text, StringComparison.Ordinal);
        Assert.True(Differences.Largest(negative.Image, plain.Image) > 0, "the word means nothing in the negative prompt");
    }

    [Fact]
    public void A_word_that_stands_in_no_prompt_is_said_to_change_nothing()
    {
        var file = LoraGoldens.PathOf("glorp-a1111.safetensors");
        var outcome = SdProgram.Run(["a castle", "--embedding", "glorp=" + file, "-m", Refused.GoodModel, "--device", "cpu", "--steps", "1", "-q", "-o", "a.png"], _folder.Path, "");

        Assert.Equal((0, $"warning: {OneLine.Quote(file)} changes nothing: no prompt has its word 'glorp'.\n"), (outcome.ExitCode, outcome.Errors));
    }

    [Fact]
    public void Lines_of_a_batch_may_differ_in_their_LoRAs_and_paint_what_each_paints_alone()
    {
        var lora = LoraGoldens.PathOf("peft-r4.safetensors");
        var alone = Paint("red robot", "--lora", lora);
        var without = Paint("red robot");
        string[] lines =
        [
            $$"""{"prompt": "red robot", "seed": 1, "steps": 2, "lora": ["{{lora}}"], "output": "one.png"}""",
            """{"prompt": "red robot", "seed": 1, "steps": 2, "output": "two.png"}""",
            $$"""{"prompt": "red robot", "seed": 1, "steps": 2, "lora": "{{lora}}", "output": "three.png"}""",
        ];

        var outcome = SdProgram.Run(
            ["batch", "-", "-m", Refused.GoodModel, "--device", "cpu", "--unet-batch", "3", "-o", _folder.Path], _folder.Path, string.Join('\n', lines));

        Assert.Equal(0, outcome.ExitCode);
        var pictures = outcome.OutputLines.Select(path => PngReader.Read(path).Image).ToList();
        Assert.Equal(0, Differences.Largest(pictures[0], alone.Image));
        Assert.Equal(0, Differences.Largest(pictures[1], without.Image));
        Assert.Equal(0, Differences.Largest(pictures[2], alone.Image));
    }

    [Fact]
    public void Keys_that_belong_to_no_module_are_counted_and_named()
    {
        float[] halves = [1, 2, 3, 4];
        Write("odd.safetensors", SafeTensors.Of(
            null,
            ("lora_te_text_model_encoder_layers_0_self_attn_q_proj.lora_down.weight", [1, 32], new float[32]),
            ("lora_te_text_model_encoder_layers_0_self_attn_q_proj.lora_up.weight", [32, 1], new float[32]),
            ("lora_te_text_model_encoder_layers_99_self_attn_q_proj.lora_down.weight", [1, 4], halves),
            ("lora_te_text_model_encoder_layers_99_self_attn_q_proj.lora_up.weight", [4, 1], halves),
            ("something.else", [4], halves)));

        var outcome = SdProgram.Run(["red", "-m", Refused.GoodModel, "--steps", "2", "-s", "1", "-q", "--lora", "odd.safetensors", "-o", "a.png"], _folder.Path, "");

        Assert.Equal(0, outcome.ExitCode);
        var warning = Assert.Single(outcome.ErrorLines);
        Assert.Contains("3 of 5 keys", warning, StringComparison.Ordinal);
        Assert.Contains("layers_99_self_attn_q_proj.lora_down.weight", warning, StringComparison.Ordinal);
        Assert.Contains("something.else", warning, StringComparison.Ordinal);
    }

    public static TheoryData<string, string> Wrong => new()
    {
        { "--lora none.safetensors", "there is no file none.safetensors." },
        { "--lora GOLDENS/glorp-a1111.safetensors", "none of its 1 keys belongs to a module of the model (emb_params)" },
        { "--lora GOLDENS/kohya-r4.safetensors:much", "the strength must be a number such as 0.8, or unet=0.8,text=0.5." },
        { "--lora GOLDENS/kohya-sdxl-r4-a2.safetensors", "does not fit this model" },
        { "--lora loha.safetensors", "belongs to a LoHa, LoKr, DoRA, OFT or Tucker adapter" },
        { "--lora half.safetensors", "holds only one half of the change of text_model_encoder_layers_0_self_attn_q_proj" },
        { "--lora notes.txt", "is no .safetensors file" },
        { "--lora .", ". is a folder; give a .safetensors file." },
        { "-n <lora:kohya-r4:1>", "say with --lora-dir in which folder it is" },
        { "-n <lora:none:1> --lora-dir GOLDENS", "has no none.safetensors, which the prompt names" },
        { "-n <lora:none:x> --lora-dir GOLDENS", "<lora:none:x> in the prompt is not understood" },
        { "-n <lora:none:1:1:64:1> --lora-dir GOLDENS", "<lora:none:1:1:64:1> in the prompt is not understood; write <lora:name:0.8>" },
        { "--embedding none.safetensors", "there is no file none.safetensors." },
        { "--embedding GOLDENS/kohya-r4.safetensors", "is no textual inversion: it holds 198 tensors" },
        { "--embedding wide.safetensors", "its vectors have 3 numbers, and those of text_encoder have 32" },
        { "--embedding x=GOLDENS/glorp-a1111.safetensors --embedding x=GOLDENS/zonk-diffusers.safetensors", "two embeddings are called 'x'" },
        { "--embedding-dir nowhere", "the folder of embeddings nowhere cannot be read" },
    };

    [Theory]
    [MemberData(nameof(Wrong))]
    public void What_cannot_be_applied_is_refused_in_one_line(string options, string words)
    {
        Write("notes.txt", "these are notes, and no weights"u8.ToArray());
        Write("loha.safetensors", SafeTensors.Of(null, ("lora_unet_conv_in.hada_w1_a", [1], [1])));
        Write("half.safetensors", SafeTensors.Of(null, ("lora_te_text_model_encoder_layers_0_self_attn_q_proj.lora_down.weight", [1, 32], new float[32])));
        Write("wide.safetensors", SafeTensors.Of(null, ("emb_params", [1, 3], [1, 2, 3])));
        var arguments = options.Replace("GOLDENS", LoraGoldens.Folder, StringComparison.Ordinal).Split(' ');

        Refused.Run(Refused.Usage, words, _folder, ["red", "-m", Refused.GoodModel, "--steps", "2", .. arguments]);
    }

    private void Write(string name, byte[] bytes) => File.WriteAllBytes(_folder.PathOf(name), bytes);

    private (RgbImage Image, string Text) Paint(string prompt, params IEnumerable<string> options)
    {
        var outcome = SdProgram.Run(
            [prompt, "-m", Refused.GoodModel, "--device", "cpu", "--steps", "2", "-s", "1", "-o", _folder.PathOf("picture.png"), .. options], _folder.Path, "");
        Assert.Equal(0, outcome.ExitCode);
        var picture = PngReader.Read(_folder.PathOf("picture.png"));
        return (picture.Image, picture.Texts.Single(text => text.Key == GenerationParameters.Keyword).Value);
    }
}
