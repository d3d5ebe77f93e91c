namespace StableDiffusion.Tests;

/// <summary>Where the strength of a LoRA's change, alpha / rank, is written. Rank 2, so that what is not found shows.</summary>
public sealed class LoraFileTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    /// <summary>diffusers' pipelines write each key behind its network, `save_lora_adapter` of a model without (loaders/peft.py).</summary>
    [Theory]
    [InlineData("unet.down_blocks.0.to_q", """{"unet.lora_alpha": 8, "unet.r": 2}""", 4)]
    [InlineData("down_blocks.0.to_q", """{"lora_alpha": 8, "r": 2}""", 4)]
    [InlineData("down_blocks.0.to_q", """{"lora_alpha": 8, "alpha_pattern": {"to_q": 6, "0.to_q": 2}}""", 3)]
    [InlineData("down_blocks.0.to_q", """{"unet.lora_alpha": 8}""", 1)]
    [InlineData("down_blocks.0.to_q", null, 1)]
    public void Alpha_is_read_from_what_diffusers_writes_beside_the_tensors(string module, string? settings, float expected) =>
        Assert.Equal(expected, ScaleOf(Write("a.safetensors", module, settings)));

    [Theory]
    [InlineData("adapter_model.safetensors", 4)]
    [InlineData("another.safetensors", 1)]
    public void Alpha_is_read_from_the_file_that_PEFT_writes_beside_its_own(string name, float expected)
    {
        File.WriteAllText(_folder.PathOf("adapter_config.json"), """{"peft_type": "LORA", "lora_alpha": 8, "r": 2}""");

        Assert.Equal(expected, ScaleOf(Write(name, "base_model.model.down_blocks.0.to_q", null)));
    }

    [Fact]
    public void A_configuration_of_PEFT_that_is_no_JSON_is_refused()
    {
        File.WriteAllText(_folder.PathOf("adapter_config.json"), "{");

        Assert.Contains("adapter_config.json", Assert.Throws<RequestException>(() => LoraFile.Open(Write("adapter_model.safetensors", "down_blocks.0.to_q", null))).Message, StringComparison.Ordinal);
    }

    private static float ScaleOf(string path)
    {
        var file = LoraFile.Open(path);
        return file.Read(Assert.Single(file.Modules)).Up[0];
    }

    private string Write(string name, string module, string? settings)
    {
        var path = _folder.PathOf(name);
        File.WriteAllBytes(path, SafeTensors.Of(
            settings is null ? null : new Dictionary<string, string> { ["lora_adapter_metadata"] = settings },
            ($"{module}.lora_A.weight", [2, 3], [1, 1, 1, 1, 1, 1]),
            ($"{module}.lora_B.weight", [3, 2], [1, 1, 1, 1, 1, 1])));
        return path;
    }
}
