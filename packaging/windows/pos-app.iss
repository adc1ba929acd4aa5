; Inno Setup script of the till. NOT TRIED: written on Linux.
[Setup]
AppName=Till
AppVersion=0.1.0
DefaultDirName={autopf}\pos-app
DefaultGroupName=Till
OutputDir=..\..\dist
OutputBaseFilename=pos-app-setup
PrivilegesRequired=lowest
LicenseFile=..\..\LICENSE

[Files]
Source: "..\..\dist\pos-app\*"; DestDir: "{app}"; Flags: recursesubdirs

[Icons]
Name: "{group}\Till"; Filename: "{app}\pos-app.exe"
Name: "{autodesktop}\Till"; Filename: "{app}\pos-app.exe"
